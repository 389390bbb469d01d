"""status.printableStatus of a VirtualMachine: its state in one word.

In: the VM, its instance, its new status. Out: the word. The first rule that holds decides; the order is KubeVirt's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import volume_status

_STARTING = ("", names.PENDING, names.SCHEDULING, names.SCHEDULED)


def of(vm: Mapping[str, Any], vmi: Mapping[str, Any] | None, status: Mapping[str, Any]) -> str:
    """The word for this VM."""
    if metadata.is_deleting(vm):
        return "Terminating"
    if vmi is None:
        return _without_instance(vm, status)
    state = vmi.get("status") or {}
    phase, listed = state.get("phase", ""), state.get("conditions")
    if metadata.is_deleting(vmi) and phase not in names.FINAL_PHASES:
        return "Stopping"
    if phase == names.RUNNING:
        return "Paused" if conditions.is_true(listed, names.PAUSED) else "Running"
    synchronized = conditions.get(listed, names.SYNCHRONIZED) or {}
    if synchronized.get("status") == "False" and synchronized.get("reason") == volume_status.PVC_NOT_FOUND:
        return "ErrorPvcNotFound"
    scheduled = conditions.get(listed, names.POD_SCHEDULED)
    if scheduled is not None and scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return "ErrorUnschedulable"
    if phase in _STARTING and volume_status.waits_for_binding(state):
        return "WaitingForVolumeBinding"
    if synchronized.get("status") == "False" and synchronized.get("reason") in ("ErrImagePull", "ImagePullBackOff"):
        return str(synchronized["reason"])
    if phase in _STARTING:
        return "Starting"
    return "CrashLoopBackOff" if status.get("startFailure") else "Stopped"


def _without_instance(vm: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    if status.get("startFailure"):
        return "CrashLoopBackOff"
    wanted = vm["spec"].get("runStrategy") == "Always" or vm["spec"].get("running")
    return "Starting" if wanted else "Stopped"
