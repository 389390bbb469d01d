"""What one installation of playvirt is made from: the namespace, the images and where the kubelet keeps its things.

In: values of role `operator`, or the environment of virt-operator's own Deployment and a KubeVirt object. Out: `Settings`, taken by every file of this room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, metadata
from ansible_collections.playvirt.core.plugins.module_utils.api import kubevirt as kubevirt_types

#: environment variables of virt-operator that hold the settings of the installation
REGISTRY_VARIABLE = "PLAYVIRT_REGISTRY"
TAG_VARIABLE = "PLAYVIRT_TAG"
KUBELET_ROOT_VARIABLE = "PLAYVIRT_KUBELET_ROOT"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One installation; the images are `<registry>/<name>:<tag>`."""

    registry: str
    tag: str
    namespace: str = "kubevirt"
    pull_policy: str = "IfNotPresent"
    kubelet_root: str = "/var/lib/kubelet"
    #: guests run by software emulation: no node's KVM is used, also where one is to be seen
    use_emulation: bool = False

    @property
    def image(self) -> str:
        """The image of virt-operator, virt-controller and virt-handler."""
        return f"{self.registry}/playvirt:{self.tag}"

    @property
    def launcher_image(self) -> str:
        """The image of virt-launcher."""
        return f"{self.registry}/virt-launcher:{self.tag}"


def environment_of(deployment: Mapping[str, Any]) -> dict[str, str]:
    """The plain environment variables of a Deployment's first container."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in containers[0].get("env") or [] if "value" in entry}


def of_installation(kubevirt: Mapping[str, Any], operator: Mapping[str, Any]) -> Settings:
    """The settings that a KubeVirt asks for, with those of virt-operator's Deployment where it says nothing.

    Raises InvalidObject where neither says which images to use.
    """
    spec, environment = kubevirt.get("spec") or {}, environment_of(operator)
    registry = spec.get("imageRegistry") or environment.get(REGISTRY_VARIABLE)
    tag = spec.get("imageTag") or environment.get(TAG_VARIABLE)
    if not registry or not tag:
        raise errors.InvalidObject(
            f"KubeVirt '{metadata.meta(kubevirt)['name']}' names no images: set spec.imageRegistry and spec.imageTag, or"
            f" {REGISTRY_VARIABLE} and {TAG_VARIABLE} in the Deployment virt-operator",
            field="spec.imageTag" if registry else "spec.imageRegistry",
        )
    return Settings(
        registry=registry,
        tag=tag,
        namespace=metadata.meta(kubevirt)["namespace"],
        pull_policy=spec.get("imagePullPolicy") or "IfNotPresent",
        kubelet_root=environment.get(KUBELET_ROOT_VARIABLE) or "/var/lib/kubelet",
        use_emulation=kubevirt_types.uses_emulation(kubevirt),
    )
