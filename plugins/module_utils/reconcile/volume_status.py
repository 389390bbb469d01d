"""What a VMI's status says of its volumes, and whether their claims are there.

In: the VMI, the claims as Kubernetes has them. Out: status.volumeStatus, or why no pod can be made. virt-controller writes what it knows of a claim
before it makes the launcher pod, virt-handler what it knows of the domain; each keeps what the other wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import (
    errors,
    metadata,
    persistent_volume_claims,
    quantity,
)
from ansible_collections.playvirt.core.plugins.module_utils.domain import disks
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import instance_status, pod_state, reading

#: the share of a claim that its file system keeps to itself (bookkeeping, the administrator's reserve); a new image is smaller by so much
FILESYSTEM_OVERHEAD = "0.055"
PVC_NOT_FOUND = "FailedPvcNotFound"
_SIZED = ("emptyDisk", "hostDisk")

Claims = Mapping[str, Mapping[str, Any] | None]
"""The claims that a VMI's volumes name, by name; None for one that is not there."""


def observe_claims(vmi: Mapping[str, Any], reader: reading.Reader) -> Claims:
    """The claims of the VMI's volumes."""
    namespace = metadata.meta(vmi)["namespace"]
    return {
        use.claim: reader.get("v1", "PersistentVolumeClaim", namespace, use.claim)
        for use in persistent_volume_claims.uses(vmi["spec"])
    }


def claims_problem(claims: Claims) -> pod_state.Problem | None:
    """Why no pod can be made: a claim that is not there, or one that has lost its volume. An unbound one may wait for the pod."""
    for name, claim in claims.items():
        if claim is None:
            message = f"failed to render launch manifest: didn't find PVC {name}"
            return pod_state.Problem(reason=PVC_NOT_FOUND, message=message)
        if (claim.get("status") or {}).get("phase") == "Lost":
            message = f"failed to render launch manifest: PVC {name} has lost its PersistentVolume; restore that, or make the claim again"
            return pod_state.Problem(reason="FailedCreate", message=message)
    return None


def _claim_info(claim: Mapping[str, Any]) -> dict[str, Any]:
    """A claim as persistentVolumeClaimInfo."""
    spec, status = claim.get("spec") or {}, claim.get("status") or {}
    mode = spec.get("volumeMode") or persistent_volume_claims.FILESYSTEM
    told = {
        "claimName": metadata.meta(claim)["name"],
        "accessModes": list(spec.get("accessModes") or []),
        "volumeMode": mode,
        "capacity": dict(status.get("capacity") or {}),
        "requests": dict((spec.get("resources") or {}).get("requests") or {}),
        "filesystemOverhead": FILESYSTEM_OVERHEAD if mode == persistent_volume_claims.FILESYSTEM else "",
    }
    return {key: value for key, value in told.items() if value}


def _entries(status: Mapping[str, Any], vmi: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], dict[str, Any]]]:
    """Each volume with its entry so far, in the volumes' order."""
    present = {entry["name"]: entry for entry in status.get("volumeStatus") or []}
    volumes = vmi["spec"].get("volumes") or []
    return [(volume, dict(present.get(volume["name"]) or {"name": volume["name"], "target": ""})) for volume in volumes]


def _with_entries(status: Mapping[str, Any], entries: list[dict[str, Any]]) -> instance_status.Status:
    if not entries and "volumeStatus" not in status:
        return dict(status)
    return {**status, "volumeStatus": entries}


def with_claims(status: Mapping[str, Any], vmi: Mapping[str, Any], claims: Claims) -> instance_status.Status:
    """The status with what is known of the claims; of one that is gone it keeps what was known."""
    entries = []
    for volume, entry in _entries(status, vmi):
        use = persistent_volume_claims.use_of(volume)
        if use is not None and (claim := claims.get(use.claim)) is not None:
            entry["persistentVolumeClaimInfo"] = _claim_info(claim)
        entries.append(entry)
    return _with_entries(status, entries)


def waits_for_binding(status: Mapping[str, Any]) -> bool:
    """Whether a claim has no volume yet: only a bound one has a capacity."""
    infos = (entry.get("persistentVolumeClaimInfo") for entry in status.get("volumeStatus") or [])
    return any(info is not None and not info.get("capacity") for info in infos)


def with_targets(status: Mapping[str, Any], vmi: Mapping[str, Any]) -> instance_status.Status:
    """The status with the device names in the domain, and the sizes that the VMI itself tells.

    Of a VMI that has no domain because its spec is wrong, the names stay as they were.
    """
    try:
        targets = disks.targets(vmi)
    except errors.InvalidObject:
        targets = {}
    entries = []
    for volume, entry in _entries(status, vmi):
        entry["target"] = targets.get(volume["name"], entry["target"])
        for kind in _SIZED:
            if (capacity := (volume.get(kind) or {}).get("capacity")) is not None:
                entry["size"] = quantity.parse_bytes(capacity, field=f"spec.volumes[{volume['name']}].{kind}.capacity")
        entries.append(entry)
    return _with_entries(status, entries)
