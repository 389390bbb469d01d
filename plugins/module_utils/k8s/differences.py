"""What changed between two forms of an object, without what the API server writes by itself.

In: objects as on the wire. Out: a diff for Ansible's `--diff`, or whether a patch says anything new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NOISE = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")


def _meaningful(obj: Mapping[str, Any] | None) -> dict[str, Any]:
    if obj is None:
        return {}
    meta = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in _NOISE}
    if _LAST_APPLIED in (meta.get("annotations") or {}):
        meta["annotations"] = {key: value for key, value in meta["annotations"].items() if key != _LAST_APPLIED}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": meta}


def between(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """The diff: `{"before": {...}, "after": {...}}` of spec and meaningful metadata."""
    return {"before": _meaningful(before), "after": _meaningful(after)}


def contains(obj: Any, patch: Any) -> bool:
    """Whether merging the patch into the object would change nothing."""
    if not isinstance(patch, Mapping):
        return bool(obj == patch)
    if not isinstance(obj, Mapping):
        return False
    return all(
        key not in obj if value is None else key in obj and contains(obj[key], value) for key, value in patch.items()
    )
