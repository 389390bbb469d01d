"""Conditions of a status: the list that Kubernetes objects carry, read and changed without losing what others wrote.

In: the list as on the wire. Out: a new list; the one given is never changed. `now` is RFC 3339.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Condition = dict[str, Any]


def get(conditions: Iterable[Mapping[str, Any]] | None, kind: str) -> Mapping[str, Any] | None:
    """The condition of a type, or None."""
    return next((condition for condition in conditions or () if condition.get("type") == kind), None)


def is_true(conditions: Iterable[Mapping[str, Any]] | None, kind: str) -> bool:
    """Whether the condition is there with status "True"."""
    condition = get(conditions, kind)
    return condition is not None and condition.get("status") == "True"


def put(conditions: Iterable[Mapping[str, Any]] | None, condition: Mapping[str, Any], *, now: str) -> list[Condition]:
    """The list with this condition in it, replacing one of its type.

    lastTransitionTime moves only where the status changes; a condition that says the same stays exactly as it is, so that comparing lists tells
    whether there is something to write.
    """
    result: list[Condition] = []
    replaced = False
    for present in conditions or ():
        if present.get("type") != condition["type"]:
            result.append(dict(present))
            continue
        replaced = True
        kept = present.get("lastTransitionTime", now) if present.get("status") == condition.get("status") else now
        result.append({**condition, "lastTransitionTime": kept})
    if not replaced:
        result.append({**condition, "lastTransitionTime": now})
    return result


def put_all(
    conditions: Iterable[Mapping[str, Any]] | None, given: Iterable[Mapping[str, Any]], *, now: str, keep: bool = True
) -> list[Condition]:
    """The list with all of these in it, as `put` does; a lastTransitionTime that is given is taken.

    Without `keep` no other condition stays, but the times follow those that were there.
    """
    present = [dict(condition) for condition in conditions or ()]
    result = present if keep else []
    for condition in given:
        told = get(put(present, condition, now=now), condition["type"]) or {}
        time = condition.get("lastTransitionTime") or told["lastTransitionTime"]
        new = {**told, "lastTransitionTime": time}
        if get(result, new["type"]) is None:
            result = [*result, new]
        else:
            result = [new if one.get("type") == new["type"] else one for one in result]
    return result


def remove(conditions: Iterable[Mapping[str, Any]] | None, kind: str) -> list[Condition]:
    """The list without the condition of that type."""
    return [dict(condition) for condition in conditions or () if condition.get("type") != kind]
