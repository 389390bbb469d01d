"""What virt-controller does for a VirtualMachine: make its instance exist, or not, as the run strategy says.

In: the VM, its instance. Out: a Plan for the role `virtualmachine`. That a machine with runStrategy Once has had its run is remembered in its status:
`runStrategy` there says Once from when its instance was seen, and not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, kinds, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import (
    instance_status,
    plan,
    printable_status,
    reading,
    start_failure,
)

STEPS = ("add_finalizer", "create_instance", "delete_instance", "remove_finalizer")
ALWAYS, ONCE = "Always", "Once"


def observe(vm: Mapping[str, Any], reader: reading.Reader) -> dict[str, Any]:
    """The instance of the VM's name, whoever owns it."""
    meta = metadata.meta(vm)
    return {"vmi": reader.get(kinds.KUBEVIRT, "VirtualMachineInstance", meta["namespace"], meta["name"])}


#: conditions of the instance's guest, which its machine has too
_MIRRORED = (names.PAUSED, names.AGENT_CONNECTED, names.LIVE_MIGRATABLE, names.SOFTWARE_EMULATION)


def run_strategy(vm: Mapping[str, Any]) -> str:
    """The VM's run strategy; the deprecated `running` stands for Always or Halted."""
    spec = vm["spec"]
    if spec.get("runStrategy"):
        return str(spec["runStrategy"])
    return ALWAYS if spec.get("running") else "Halted"


def _owns(vm: Mapping[str, Any], vmi: Mapping[str, Any]) -> bool:
    owner = metadata.controller_of(vmi)
    return owner is not None and owner.get("uid") == metadata.meta(vm)["uid"]


def render_instance(vm: Mapping[str, Any]) -> dict[str, Any]:
    """The VirtualMachineInstance that the VM's template describes.

    Its UUID follows from the VM's namespace and name where the template has none, so that the guest sees the same machine at every start.
    """
    meta, template = metadata.meta(vm), vm["spec"]["template"]
    given = template.get("metadata") or {}
    spec = {**template["spec"], "domain": {**template["spec"]["domain"]}}
    firmware = dict(spec["domain"].get("firmware") or {})
    firmware.setdefault("uuid", metadata.derived_uuid("vm", meta["namespace"], meta["name"]))
    spec["domain"]["firmware"] = firmware
    return {
        "apiVersion": kinds.KUBEVIRT,
        "kind": "VirtualMachineInstance",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": dict(given.get("labels") or {}),
            "annotations": {**(given.get("annotations") or {}), names.VM_GENERATION: str(meta.get("generation", 1))},
            "ownerReferences": [metadata.controller_reference(vm)],
            "finalizers": [names.VMI_FINALIZER],
        },
        "spec": spec,
    }


def _reference(vmi: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": metadata.meta(vmi)["name"], "uid": metadata.meta(vmi)["uid"]}


def _ready(vmi: Mapping[str, Any] | None) -> dict[str, Any]:
    if vmi is None:
        return {"type": names.READY, "status": "False", "reason": "VMINotExists", "message": "VMI does not exist"}
    found = conditions.get((vmi.get("status") or {}).get("conditions"), names.READY)
    if found is None:
        message = "VMI is missing the Ready condition"
        return {"type": names.READY, "status": "False", "reason": "VMIConditionMissing", "message": message}
    return {"type": names.READY, **{key: found[key] for key in ("status", "reason", "message") if found.get(key)}}


def _mirrored(own: list[conditions.Condition], vmi: Mapping[str, Any] | None, now: str) -> list[conditions.Condition]:
    """The VM's conditions with those of its instance's guest, for as long as there is an instance."""
    told = ((vmi or {}).get("status") or {}).get("conditions")
    for kind in _MIRRORED:
        found = conditions.get(told, kind)
        if found is None:
            own = conditions.remove(own, kind)
        else:
            kept = {key: found[key] for key in ("type", "status", "reason", "message") if found.get(key)}
            own = conditions.put(own, kept, now=now)
    return own


def _status(vm: Mapping[str, Any], vmi: Mapping[str, Any] | None, now: str) -> dict[str, Any]:
    """The VM's status as its instance stands now."""
    status = dict(vm.get("status") or {})
    condition = _ready(vmi)
    status["created"] = vmi is not None
    status["ready"] = condition["status"] == "True"
    if run_strategy(vm) != ONCE or (vmi is not None and metadata.meta(vmi).get("uid")):
        status["runStrategy"] = run_strategy(vm)
    status["desiredGeneration"] = metadata.meta(vm).get("generation", 1)
    if vmi is not None:
        status["observedGeneration"] = int((metadata.meta(vmi).get("annotations") or {}).get(names.VM_GENERATION, 1))
    status["conditions"] = _mirrored(conditions.put(status.get("conditions"), condition, now=now), vmi, now)
    seen = vmi if vmi is not None and metadata.meta(vmi).get("uid") else None
    failure = start_failure.observe_failure(status.get("startFailure"), seen, now=now)
    status.pop("startFailure", None)
    if failure and run_strategy(vm) == ALWAYS:
        status["startFailure"] = failure
    status["printableStatus"] = printable_status.of(vm, vmi, status)
    return status


def _foreign(vm: Mapping[str, Any], vmi: Mapping[str, Any], now: str) -> plan.Plan:
    """An instance of the VM's name belongs to somebody else: say so, touch nothing."""
    message = f"VirtualMachineInstance '{vmi['metadata']['name']}' exists and is not controlled by this VirtualMachine; delete or rename one of them"
    failure = {"type": names.FAILURE, "status": "True", "reason": "FailedCreate", "message": message}
    status = _status(vm, None, now)
    status["conditions"] = conditions.put(status["conditions"], failure, now=now)
    return plan.Plan(status=instance_status.changed(vm, status))


def _steps(
    vm: Mapping[str, Any], vmi: Mapping[str, Any] | None, status: Mapping[str, Any], now: str
) -> tuple[dict[str, Any], float | None]:
    """What to do about the instance, and when to look again."""
    strategy = "" if metadata.is_deleting(vm) else run_strategy(vm)
    if vmi is None:
        if strategy != ALWAYS and not (strategy == ONCE and status.get("runStrategy") != ONCE):
            return {}, None
        wait = start_failure.seconds_to_wait(status.get("startFailure"), now=now)
        return ({}, wait) if wait > 0 else ({"create_instance": {"vmi": render_instance(vm)}}, None)
    if metadata.is_deleting(vmi):
        return {}, None
    over = (vmi.get("status") or {}).get("phase") in names.FINAL_PHASES
    kept = strategy == ONCE or (strategy == ALWAYS and not over)
    return ({}, None) if kept else ({"delete_instance": _reference(vmi)}, None)


def plan_virtualmachine(vm: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> plan.Plan:
    """The decision."""
    vmi = observed["vmi"]
    if vmi is not None and not _owns(vm, vmi):
        if metadata.is_deleting(vm):
            vmi = None
        else:
            return _foreign(vm, vmi, now)
    status = _status(vm, vmi, now)
    steps, requeue_after = _steps(vm, vmi, status, now)
    finalized = metadata.has_finalizer(vm, names.VM_FINALIZER)
    if metadata.is_deleting(vm):
        if vmi is None:
            return plan.Plan(steps={"remove_finalizer": {"finalizer": names.VM_FINALIZER}} if finalized else {})
    elif not finalized:
        steps["add_finalizer"] = {"finalizer": names.VM_FINALIZER}
    if "create_instance" in steps:
        status = _status(vm, steps["create_instance"]["vmi"], now)
    return plan.Plan(
        steps=plan.steps_in_order(STEPS, steps), status=instance_status.changed(vm, status), requeue_after=requeue_after
    )
