"""What an installation adds to a launcher pod (api/additions.py).

In: the pod as rendered, the additions that are meant for it, the variables' values. Out: the pod with them. Lists grow, maps are merged, anything else is
replaced; what playvirt itself needs stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import additions, errors


def _filled(content: Any, given: Mapping[str, str], name: str) -> Any:
    """The content with values for the variables in its texts; keys stay as they are."""
    if isinstance(content, str):
        return additions.filled(content, given, addition=name)
    if isinstance(content, Mapping):
        return {key: _filled(value, given, name) for key, value in content.items()}
    return [_filled(value, given, name) for value in content] if isinstance(content, list) else content


def _merged(present: Any, added: Any) -> Any:
    if isinstance(present, Mapping) and isinstance(added, Mapping):
        return {**present, **{key: _merged(present.get(key), value) for key, value in added.items()}}
    return [*present, *added] if isinstance(present, list) and isinstance(added, list) else added


def _check_names(pod_spec: Mapping[str, Any], name: str) -> None:
    """A name that the pod has already would be another container or volume in its place."""
    for field in ("containers", "initContainers", "volumes"):
        names = [entry.get("name") for entry in pod_spec.get(field) or []]
        twice = sorted({str(found) for found in names if names.count(found) > 1})
        if twice:
            raise errors.InvalidObject(
                f"the installation's addition '{name}' has {field} '{twice[0]}', which the launcher pod has already; take another name",
                field=f"{additions.FIELD}.launcherPod",
            )


def apply(pod: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, Any]:
    """The pod with the additions in their order; labels and annotations of its own win.

    Raises InvalidObject for a container or volume whose name is taken, and for a variable without a value.
    """
    result = dict(pod)
    for entry in wanted:
        added = _filled(
            {"metadata": entry.get("metadata") or {}, "spec": entry.get("spec") or {}}, given, entry["name"]
        )
        meta = dict(result["metadata"])
        for kind in ("annotations", "labels"):
            if kind in added["metadata"]:
                meta[kind] = {**added["metadata"][kind], **(meta.get(kind) or {})}
        result = {**result, "metadata": meta, "spec": _merged(result["spec"], added["spec"])}
        _check_names(result["spec"], entry["name"])
    return result
