"""Reading and making object metadata: keys, owner references, finalizers, names that follow from a uid, and times.

Pure functions over dicts as on the wire.
"""

from __future__ import annotations

import datetime
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

#: the namespace of every UUID that playvirt derives from a name
_UUID_NAMESPACE = uuid.UUID("6b1f5e1c-3f6b-5c0e-9b7a-0d6c3a2f7a11")
_MAX_NAME = 63


def meta(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object's metadata, empty where it has none."""
    found: Mapping[str, Any] = obj.get("metadata") or {}
    return found


def is_deleting(obj: Mapping[str, Any]) -> bool:
    """Whether deletion was requested."""
    return bool(meta(obj).get("deletionTimestamp"))


def has_finalizer(obj: Mapping[str, Any], finalizer: str) -> bool:
    """Whether the object carries the finalizer."""
    return finalizer in (meta(obj).get("finalizers") or [])


def controller_reference(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The ownerReference that makes `obj` the controller of another object."""
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": meta(obj)["name"],
        "uid": meta(obj)["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The ownerReference with controller: true, or None."""
    return next((owner for owner in meta(obj).get("ownerReferences") or [] if owner.get("controller")), None)


def launcher_pod_name(vmi: Mapping[str, Any]) -> str:
    """The one name that a VMI's launcher pod can have: creating it twice is refused by the API server.

    `virt-launcher-<vmi>-<5 characters of a hash of the VMI's uid>`, shortened to 63 characters.
    """
    suffix = hashlib.sha256(str(meta(vmi)["uid"]).encode()).hexdigest()[:5]
    return f"virt-launcher-{meta(vmi)['name']}"[: _MAX_NAME - 6].rstrip("-.") + f"-{suffix}"


def derived_uuid(*parts: str) -> str:
    """A UUID that follows from the parts: the same parts, the same UUID."""
    return str(uuid.uuid5(_UUID_NAMESPACE, "/".join(parts)))


def derived_mac(seed: str, interface_name: str) -> str:
    """A locally administered unicast MAC address that follows from the seed and the interface's name."""
    digest = hashlib.sha256(f"{seed}/{interface_name}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def parse_time(text: str) -> datetime.datetime:
    """An RFC 3339 time as Kubernetes writes it."""
    return datetime.datetime.fromisoformat(text)


def seconds_between(earlier: str, later: str) -> float:
    """The seconds from one RFC 3339 time to another."""
    return (parse_time(later) - parse_time(earlier)).total_seconds()


def format_time(moment: datetime.datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
