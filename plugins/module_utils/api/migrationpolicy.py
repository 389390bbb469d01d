"""The type MigrationPolicy (migrations.kubevirt.io): options of live migration for chosen instances."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import migration

SPEC = schema.obj(
    "Which instances migrate with which options.",
    {
        "selectors": schema.obj(
            "The instances; both selectors have to match.",
            {
                "namespaceSelector": schema.strings_by_name("Labels of their namespaces."),
                "virtualMachineInstanceSelector": schema.strings_by_name("Labels of the instances."),
            },
        ),
        **migration.POLICY_OPTIONS,
        "experimental": migration.EXPERIMENTAL,
    },
    required=("selectors",),
)

STATUS = {**schema.obj("Nothing is kept here."), "nullable": True}
