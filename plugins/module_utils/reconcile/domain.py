"""What virt-handler does for a VirtualMachineInstance on its node: make the domain match, turn it off, tell how it is.

In: the VMI, its launcher pod, what the launcher reports, the installation. Out: a Plan for the role `domain`. It starts once the VMI is handed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, errors, kubevirt, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.domain import (
    additions,
    convert,
    identity,
    interfaces,
    iso_images,
    machine,
    volumes,
)
from ansible_collections.playvirt.core.plugins.module_utils.pod import launcher
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import (
    guest_status,
    installation,
    instance_status,
    interface_status,
    migratability,
    plan,
    reading,
    volume_status,
)

STEPS = (
    "prepare_network",
    "make_disks",
    "make_cloud_init",
    "make_iso_images",
    "define",
    "start",
    "resume",
    "shut_down",
    "power_off",
    "tell_end",
)

#: the guest is asked again to shut down after so long
SHUTDOWN_REPEAT_SECONDS = 5
_ALIVE = ("running", "blocked", "paused", "pmsuspended", "shutdown")
#: how libvirt says that a domain is defined and was never started, or could not be
_NEVER_STARTED = ("", "unknown", "failed")
#: a guest that an I/O error has stopped goes on after so long, to find out whether the cause is gone
RESUME_SECONDS = 30
#: how long the launcher's word that there is no running domain may be older than the start that virt-handler has just seen succeed: the launcher hears of it
#: from libvirtd's events, on a busy node later than virt-handler from its own play, and after a restart of libvirtd later still
REPORT_SECONDS = 30


def observe(vmi: Mapping[str, Any], reader: reading.Reader) -> dict[str, Any]:
    """The launcher pod, what its launcher reported, the installation, and what the namespace says to its additions."""
    meta, kubevirt_object = metadata.meta(vmi), installation.observe(reader)
    wanted = metadata.launcher_pod_name(vmi)
    pods = reader.list("v1", "Pod", namespace=meta["namespace"], owner_uid=meta["uid"])
    pod = next((pod for pod in pods if metadata.meta(pod).get("name") == wanted), None)
    return {
        "pod": pod,
        "launcher": reader.launcher(metadata.meta(pod)["uid"]) if pod else None,
        "kubevirt": kubevirt_object,
        "variables": installation.observe_variables(kubevirt_object, reader, meta["namespace"]),
    }


def _launcher(observed: Mapping[str, Any]) -> dict[str, Any]:
    """How a step finds the launcher."""
    pod = observed["pod"]
    return {"pod_uid": metadata.meta(pod)["uid"], "pid": observed["launcher"]["pid"]}


def _starts_paused(vmi: Mapping[str, Any]) -> bool:
    return bool(vmi["spec"].get("startStrategy") == "Paused")


def _start_steps(vmi: Mapping[str, Any], observed: Mapping[str, Any]) -> dict[str, Any]:
    """Every step from an empty pod to a running domain; each is safe to repeat."""
    reach = _launcher(observed)
    name = identity.domain_name(vmi)
    xml = convert.convert_domain(
        vmi, emulation=kubevirt.uses_emulation(observed["kubevirt"]), maker=kubevirt.maker(observed["kubevirt"])
    )
    steps: dict[str, Any] = {
        "define": {
            **reach,
            "name": name,
            "xml": additions.apply(xml, *installation.additions_for(observed, "domain", vmi)),
        },
        "start": {**reach, "name": name, "state": "paused" if _starts_paused(vmi) else "running"},
    }
    if connections := interfaces.pod_interfaces(vmi):
        steps["prepare_network"] = {**reach, "interfaces": connections}
    if disks := volumes.disks_to_make(vmi):
        steps["make_disks"] = {**reach, "disks": disks}
    if cloud_init := iso_images.cloud_init(vmi):
        steps["make_cloud_init"] = {**reach, **cloud_init}
    if images := iso_images.contents(vmi):
        steps["make_iso_images"] = {**reach, "images": images}
    return plan.steps_in_order(STEPS, steps)


def _running(
    vmi: Mapping[str, Any], observed: Mapping[str, Any], domain: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """The VMI's status while its domain is alive, in that state."""
    pod, emulation = observed["pod"], kubevirt.uses_emulation(observed["kubevirt"])
    status = instance_status.in_phase(vmi.get("status") or {}, names.RUNNING, now=now)
    status = volume_status.with_targets(status, vmi)
    status["interfaces"] = interface_status.interfaces(vmi, pod)
    status["machine"] = {"type": machine.machine_type(vmi["spec"])}
    if conditions.get(status.get("conditions"), names.SYNCHRONIZED):
        status["conditions"] = conditions.remove(status.get("conditions"), names.SYNCHRONIZED)
    status = guest_status.sized(status, vmi["spec"])
    status = guest_status.told_by_agent(status, observed["launcher"].get("agent"), now=now)
    status = guest_status.paused(status, domain, now=now)
    status = guest_status.emulated(status, emulation=emulation, now=now)
    status = migratability.judged(vmi, status, now=now)
    return instance_status.ready_like_pod(status, pod, now=now)


def _ended(vmi: Mapping[str, Any], domain: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The VMI's status once its domain is off."""
    failed = domain["state"] == "crashed" or domain.get("reason") in ("crashed", "failed", "panicked")
    phase = names.FAILED if failed else names.SUCCEEDED
    status = instance_status.in_phase(
        vmi.get("status") or {}, phase, now=now, reason="GuestCrashed" if failed else "GuestStopped"
    )
    status = guest_status.paused(guest_status.told_by_agent(status, None, now=now), domain, now=now)
    if failed:
        message = f"the domain ended by itself: {domain['state']} ({domain.get('reason') or 'no reason told'})"
        status = instance_status.synchronized(status, "GuestCrashed", message, now=now)
    return instance_status.ready(
        status, pod_reason="GuestNotRunning", message="Guest VM is not reported as running", now=now
    )


def _plan_shutdown(vmi: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> plan.Plan:
    """The VMI is being deleted and its guest runs: ask it to shut down until its grace period is over, then turn it off."""
    step = {**_launcher(observed), "name": identity.domain_name(vmi)}
    waited = metadata.seconds_between(metadata.meta(vmi)["deletionTimestamp"], now)
    left = launcher.grace_seconds(vmi) - waited
    if left <= 0:
        return plan.Plan(steps={"power_off": step}, requeue_after=SHUTDOWN_REPEAT_SECONDS)
    return plan.Plan(
        steps={"shut_down": {**step, "first": waited < SHUTDOWN_REPEAT_SECONDS}},
        requeue_after=min(left, SHUTDOWN_REPEAT_SECONDS),
    )


def _plan_alive(vmi: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> plan.Plan:
    """The domain is alive: tell how it is; one that an I/O error has stopped is tried again."""
    domain = observed["launcher"]["domain"]
    status = _running(vmi, observed, domain, now)
    changed = instance_status.changed(vmi, status)
    if (domain["state"], domain.get("reason")) != ("paused", "ioerror"):
        return plan.Plan(status=changed)
    since = (conditions.get(status["conditions"], names.PAUSED) or {}).get("lastTransitionTime", now)
    left = RESUME_SECONDS - metadata.seconds_between(since, now)
    if left > 0:
        return plan.Plan(status=changed, requeue_after=left)
    step = {**_launcher(observed), "name": identity.domain_name(vmi)}
    return plan.Plan(steps={"resume": step}, status=changed, requeue_after=RESUME_SECONDS)


def plan_domain(vmi: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> plan.Plan:
    """The decision."""
    phase = (vmi.get("status") or {}).get("phase", "")
    pod, connected = observed["pod"], observed["launcher"]
    if phase in names.FINAL_PHASES or pod is None or connected is None or not connected.get("domain"):
        return plan.Plan()
    domain = connected["domain"]
    state, reason = domain["state"], domain.get("reason") or ""
    if state in _ALIVE:
        if metadata.is_deleting(vmi):
            return _plan_shutdown(vmi, observed, now)
        return _plan_alive(vmi, observed, now)
    ran = phase == names.RUNNING
    never_ran = state == "absent" or (state == "shutoff" and reason in _NEVER_STARTED)
    if never_ran and ran:
        age = instance_status.seconds_in_phase(vmi["status"], now=now)
        if age < REPORT_SECONDS:
            return plan.Plan(requeue_after=REPORT_SECONDS - age)
    if never_ran and not ran:
        if metadata.is_deleting(vmi) or metadata.is_deleting(pod):
            return plan.Plan()
        try:
            steps = _start_steps(vmi, observed)
        except errors.InvalidObject as error:
            status = instance_status.synchronized(vmi.get("status") or {}, "InvalidSpec", str(error), now=now)
            return plan.Plan(status=instance_status.changed(vmi, status))
        started = {"state": "paused", "reason": "user"} if _starts_paused(vmi) else {"state": "running"}
        return plan.Plan(steps=steps, status=instance_status.changed(vmi, _running(vmi, observed, started, now)))
    if state == "absent":
        domain = {"state": "absent", "reason": "failed"}
    status = _ended(vmi, domain, now)
    return plan.Plan(steps={"tell_end": instance_status.END_EVENTS[status["phase"]]}, status=status)
