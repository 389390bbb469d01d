"""The type KubeVirt: one object of it is one installation of playvirt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import schema

PHASES = ("Deploying", "Deployed", "Deleting", "Deleted")


def spec() -> schema.Schema:
    """spec of a KubeVirt."""
    return schema.obj(
        "How playvirt is installed.",
        {
            "imageRegistry": schema.string("Where the images are; where virt-operator's own came from unless said."),
            "imageTag": schema.string("Their tag; virt-operator's own unless said."),
            "imagePullPolicy": schema.enum("When to pull them.", "Always", "IfNotPresent", "Never"),
            "configuration": schema.obj(
                "How playvirt works.",
                {
                    "developerConfiguration": schema.obj(
                        "Switches.",
                        {
                            "useEmulation": schema.boolean(
                                "Run guests by software emulation, where nodes have no KVM."
                            ),
                        },
                    ),
                },
            ),
        },
    )


def status() -> schema.Schema:
    """status of a KubeVirt."""
    return schema.obj(
        "What is installed.",
        {
            "phase": schema.enum("How far the installation is.", *PHASES),
            "conditions": schema.condition_list(),
            "observedGeneration": schema.integer("The generation last acted on."),
            "operatorVersion": schema.string("virt-operator's version."),
            "observedKubeVirtRegistry": schema.string("Where the installed images are."),
            "observedKubeVirtVersion": schema.string("The installed images' tag."),
            "targetKubeVirtRegistry": schema.string("Where the images should be."),
            "targetKubeVirtVersion": schema.string("The tag they should have."),
        },
    )


def uses_emulation(kubevirt: Mapping[str, Any] | None) -> bool:
    """Whether guests run by software emulation (`spec.configuration.developerConfiguration.useEmulation`); not without a KubeVirt."""
    spec = (kubevirt or {}).get("spec") or {}
    developer = (spec.get("configuration") or {}).get("developerConfiguration") or {}
    return bool(developer.get("useEmulation", False))
