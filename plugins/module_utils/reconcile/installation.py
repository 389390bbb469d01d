"""What planners take from the installation: its KubeVirt object.

In: a reader. Out: the KubeVirt that is deployed, and the launcher image that follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds
from ansible_collections.playvirt.core.plugins.module_utils.api import kubevirt as kubevirt_types
from ansible_collections.playvirt.core.plugins.module_utils.pod import launcher
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import reading


def observe(reader: reading.Reader) -> dict[str, Any] | None:
    """The cluster's KubeVirt, or None before it is installed. There is one; of several the oldest counts."""
    found = reader.list(kinds.KUBEVIRT, "KubeVirt")
    return min(found, key=lambda kubevirt: kubevirt["metadata"].get("creationTimestamp", ""), default=None)


def launcher_of(kubevirt: Mapping[str, Any] | None) -> launcher.Installation:
    """The launcher image of the installation: `<registry>/virt-launcher:<version>` as status says it is deployed.

    Raises NotReady where playvirt is not deployed yet.
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
    )
