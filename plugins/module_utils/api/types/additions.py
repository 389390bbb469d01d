"""What an installation adds to launcher pods and domains; playvirt's own part of KubeVirt's configuration."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema

_NAME = schema.string("Name, by which messages tell of it.", pattern=schema.DNS_LABEL, maxLength=63)
_LABELS = schema.strings_by_name("Labels that an instance must have to get it; all get it where there are none.")

ADDITIONS = schema.obj(
    "What is added to launcher pods and domains that KubeVirt's API has no field for. Instances that run keep what they have.",
    {
        "variables": schema.array(
            "Variables that a namespace may set, in ConfigMap playvirt-variables; in an addition ${NAME} stands for the value.",
            schema.obj(
                "One variable.",
                {
                    "name": schema.described(_NAME, "Key in the ConfigMap."),
                    "pattern": schema.string("Regular expression that the whole value has to match."),
                    "default": schema.string("Value for namespaces that set none; without it they have to."),
                },
                required=("name", "pattern"),
            ),
            key="name",
        ),
        "launcherPod": schema.array(
            "Additions to launcher pods.",
            schema.obj(
                "One addition.",
                {
                    "name": _NAME,
                    "matchLabels": _LABELS,
                    "metadata": schema.obj(
                        "Metadata to add.",
                        {
                            "annotations": schema.strings_by_name("Annotations to add."),
                            "labels": schema.strings_by_name("Labels to add."),
                        },
                    ),
                    "spec": {
                        **schema.obj("Fields of a pod's spec: lists grow, maps are merged, anything else is replaced."),
                        "x-kubernetes-preserve-unknown-fields": True,
                    },
                },
                required=("name",),
            ),
            key="name",
        ),
        "domain": schema.array(
            "Additions to domains.",
            schema.obj(
                "One addition.",
                {
                    "name": _NAME,
                    "matchLabels": _LABELS,
                    "parent": schema.string(
                        "Element that they go into, as a path below domain; domain itself unless said."
                    ),
                    "xml": schema.string("The elements."),
                },
                required=("name", "xml"),
            ),
            key="name",
        ),
    },
)
