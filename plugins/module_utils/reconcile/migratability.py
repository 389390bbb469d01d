"""Whether an instance could be moved to another node while it runs, and how.

In: a VMI. Out: its condition LiveMigratable with KubeVirt's reasons and messages, and its migrationMethod. Pure. What is known of claims comes from
status.volumeStatus, which virt-controller fills.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import guest_status, instance_status

BRIDGE_ANNOTATION = "kubevirt.io/allow-pod-bridge-network-live-migration"
_CLAIMS = ("persistentVolumeClaim", "dataVolume")
_NOT_SHARED = (
    "cannot migrate VMI: PVC {} is not shared, live migration requires that all PVCs must be shared"
    " (using ReadWriteMany access mode)"
)


def _claim_name(volume: Mapping[str, Any]) -> str | None:
    """The claim behind a volume."""
    for kind in _CLAIMS:
        if kind in volume:
            return str(volume[kind].get("claimName") or volume[kind].get("name"))
    return None


def _is_shared(volume: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Whether every node can open the volume's claim at the same time; no, where nothing is known of it."""
    listed: list[Mapping[str, Any]] = status.get("volumeStatus") or []
    found = next((entry for entry in listed if entry.get("name") == volume["name"]), {})
    return "ReadWriteMany" in ((found.get("persistentVolumeClaimInfo") or {}).get("accessModes") or [])


def _problems(vmi: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Why it cannot be moved: reason and message."""
    spec, status = vmi["spec"], vmi.get("status") or {}
    devices, annotations = spec["domain"].get("devices") or {}, metadata.meta(vmi).get("annotations") or {}
    for volume in spec.get("volumes") or []:
        claim = _claim_name(volume)
        if claim and not _is_shared(volume, status):
            yield "DisksNotLiveMigratable", _NOT_SHARED.format(claim)
        if "hostDisk" in volume and not volume["hostDisk"].get("shared"):
            yield "DisksNotLiveMigratable", "cannot migrate VMI with non-shared HostDisk"
    pod_networks = [network["name"] for network in spec.get("networks") or [] if "pod" in network]
    for interface in devices.get("interfaces") or []:
        if interface["name"] in pod_networks and "bridge" in interface and BRIDGE_ANNOTATION not in annotations:
            yield (
                "InterfaceNotLiveMigratable",
                "cannot migrate VMI which does not use masquerade or a migratable plugin to connect to the pod network",
            )
    if devices.get("hostDevices") or devices.get("gpus"):
        yield "HostDeviceNotLiveMigratable", "VMI uses a PCI host devices"
    if devices.get("filesystems"):
        yield "VirtIOFSNotLiveMigratable", "VMI uses virtiofs"


def _method(vmi: Mapping[str, Any]) -> str:
    """BlockMigration where a disk is in the launcher pod and has to be sent, else LiveMigration."""
    return "LiveMigration" if all(map(_claim_name, vmi["spec"].get("volumes") or [])) else "BlockMigration"


def judged(vmi: Mapping[str, Any], status: Mapping[str, Any], *, now: str) -> instance_status.Status:
    """The status with condition LiveMigratable and migrationMethod."""
    reason, message = next(_problems({**vmi, "status": status}), ("", ""))
    condition = {"status": "False", "reason": reason, "message": message} if reason else {"status": "True"}
    return guest_status.with_condition(
        {**status, "migrationMethod": _method(vmi)}, condition, names.LIVE_MIGRATABLE, now=now
    )
