"""What planners take from the installation: its KubeVirt object.

In: a reader. Out: the KubeVirt that is deployed, and what launcher pods take from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import additions, errors, kinds
from ansible_collections.playvirt.core.plugins.module_utils.api import kubevirt as kubevirt_types
from ansible_collections.playvirt.core.plugins.module_utils.pod import launcher, resources
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import reading


def observe(reader: reading.Reader) -> dict[str, Any] | None:
    """The cluster's KubeVirt, or None before it is installed. There is one; of several the oldest counts."""
    found = reader.list(kinds.KUBEVIRT, "KubeVirt")
    return min(found, key=lambda kubevirt: kubevirt["metadata"].get("creationTimestamp", ""), default=None)


def observe_variables(
    kubevirt: Mapping[str, Any] | None, reader: reading.Reader, namespace: str
) -> dict[str, Any] | None:
    """The ConfigMap in which a namespace gives values to the variables of additions; None where it has none, or no variable is listed."""
    if not additions.of_kubevirt(kubevirt).get("variables"):
        return None
    return reader.get("v1", "ConfigMap", namespace, additions.CONFIG_MAP)


def additions_for(
    observed: Mapping[str, Any], kind: str, vmi: Mapping[str, Any]
) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
    """The installation's additions of a kind (launcherPod, domain) for the VMI, and the values of their variables.

    Raises InvalidObject for a value of the namespace's that its variable does not allow.
    """
    known = additions.of_kubevirt(observed["kubevirt"])
    wanted = additions.matching(known, kind, vmi)
    return wanted, additions.values(known, observed.get("variables"), vmi) if wanted else {}


def launcher_of(kubevirt: Mapping[str, Any] | None) -> launcher.Installation:
    """What launcher pods take from the installation: the image, `<registry>/virt-launcher:<version>` as status says it is deployed, and the sizing.

    Raises NotReady where playvirt is not deployed yet, InvalidObject for a sizing that cannot be.
    """
    status = (kubevirt or {}).get("status") or {}
    registry, version = status.get("observedKubeVirtRegistry"), status.get("observedKubeVirtVersion")
    if kubevirt is None or not registry or not version:
        raise errors.NotReady(
            "playvirt is not deployed yet: no KubeVirt object tells the launcher's image", delay_seconds=5
        )
    policy = kubevirt["spec"].get("imagePullPolicy", "IfNotPresent")
    return launcher.Installation(
        launcher_image=f"{registry}/virt-launcher:{version}",
        pull_policy=policy,
        emulation=kubevirt_types.uses_emulation(kubevirt),
        sizing=resources.sizing_of(kubevirt["spec"].get("configuration") or {}),
    )
