"""The PersistentVolumeClaims behind a VMI's volumes, and what the VMI's status remembers of them.

In: a VMI, or its spec. Out: which volume uses which claim and how; and of each claim the facts in status.volumeStatus, where virt-controller writes
them when it makes the launcher pod. So the pod and the domain are made of the VMI alone, and a node needs no right to read claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BLOCK, FILESYSTEM = "Block", "Filesystem"


@dataclass(frozen=True, kw_only=True)
class Use:
    """How a volume uses a claim: `ephemeral` reads it and writes elsewhere, `read_only` does not write at all."""

    volume: str
    claim: str
    read_only: bool
    ephemeral: bool = False


def use_of(volume: Mapping[str, Any]) -> Use | None:
    """What a volume of spec.volumes does with a claim; None for one without."""
    source, ephemeral = volume.get("persistentVolumeClaim"), False
    if source is None and "ephemeral" in volume:
        source, ephemeral = volume["ephemeral"].get("persistentVolumeClaim"), True
    if source is None:
        return None
    return Use(
        volume=volume["name"],
        claim=source["claimName"],
        read_only=ephemeral or bool(source.get("readOnly")),
        ephemeral=ephemeral,
    )


def uses(spec: Mapping[str, Any]) -> Iterator[Use]:
    """The uses of all volumes, in their order."""
    for volume in spec.get("volumes") or []:
        if (found := use_of(volume)) is not None:
            yield found


def info(vmi: Mapping[str, Any], volume_name: str) -> Mapping[str, Any]:
    """status.volumeStatus[].persistentVolumeClaimInfo of a volume; empty where there is none."""
    for status in (vmi.get("status") or {}).get("volumeStatus") or []:
        if status.get("name") == volume_name:
            return status.get("persistentVolumeClaimInfo") or {}
    return {}


def is_block(vmi: Mapping[str, Any], volume_name: str) -> bool:
    """Whether the claim behind a volume is a block device; Kubernetes' default is a file system."""
    return info(vmi, volume_name).get("volumeMode") == BLOCK
