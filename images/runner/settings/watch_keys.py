"""The keys of one entry of a watch list: which there are, what each may hold, and what each becomes.

In: the entry, a mapping. Out: plain values, sources of the cache, or ValueError that names the key, the value and what to write.
ansible-operator's keys have its meaning and its defaults; the others are optional and of our own. Called by `watches.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..watching import cache, selectors
from . import durations, object_filter

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_THEIRS = frozenset(
    {"group", "version", "kind", "role", "playbook", "vars", "selector", "blacklist", "finalizer", "markUnsafe"}
    | {"maxRunnerArtifacts", "reconcilePeriod", "manageStatus", "snakeCaseParameters", "watchAnnotationsChanges"}
    | {"watchDependentResources", "watchClusterScopedResources"}
)
_OURS = frozenset(
    {"planner", "dependents", "reads", "fieldSelector", "filter", "runTimeout", "priority", "engine", "onDelete"}
    | {"cancelOnChange", "watchStatusChanges", "watchDependentsStatusChanges", "gatherFacts"}
)
_WITHOUT_PLANNER = (
    *("finalizer", "blacklist", "filter", "onDelete", "cancelOnChange", "watchStatusChanges"),
    *("watchDependentsStatusChanges", "watchClusterScopedResources"),
)
_RELATED = frozenset({"group", "version", "kind", "labelSelector", "fieldSelector", "namespace", "owner", "drop"})
_SAME_NAMESPACE = "sameNamespace"
_FINALIZER = frozenset({"name", "role", "playbook", "vars"})
ENGINES = ("inline", "fork", "subprocess")


def check(entry: Mapping[str, Any]) -> None:
    """That the entry has the keys it needs and no others."""
    for key in entry:
        if key not in _THEIRS | _OURS:
            raise ValueError(f"'{key}' is not a key of a watch list")
    for key in ("version", "kind"):
        if not entry.get(key):
            raise ValueError(f"'{key}' is missing")
    if not entry.get("role") and not entry.get("playbook"):
        raise ValueError("'role' is missing; name a role, or a playbook with 'playbook'")
    check_planner(entry)
    if not flag(entry, "markUnsafe", default=True):
        raise ValueError(
            "'markUnsafe: false' is not supported: strings of an object are never templates here; leave the key out"
        )


def check_planner(entry: Mapping[str, Any]) -> None:
    """That an entry with a planner says nothing that only turns without one act on."""
    if entry.get("planner") is None:
        return
    for key in _WITHOUT_PLANNER:
        if entry.get(key):
            raise ValueError(
                f"'{key}' has no effect with 'planner': what it says is the planner's to decide; take it out"
            )
    for key in ("manageStatus", "watchDependentResources"):
        if flag(entry, key, default=True):
            raise ValueError(
                f"'{key}: true'{'' if key in entry else ' (the default)'} has no effect with 'planner'; write '{key}: false'"
            )


def flag(entry: Mapping[str, Any], key: str, *, default: bool) -> bool:
    """A key that is true or false."""
    found = entry.get(key, default)
    if not isinstance(found, bool):
        raise ValueError(f"'{key}: {found}' must be true or false")
    return found


def choice(entry: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str | None:
    """A key that holds one of a few words, or is absent."""
    found = entry.get(key)
    if found is not None and found not in allowed:
        raise ValueError(f"'{key}: {found}' must be one of {', '.join(allowed)}")
    return found


def number(entry: Mapping[str, Any], key: str, *, default: int, least: int | None = None) -> int:
    """A key that holds a whole number."""
    found = entry.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int) or (least is not None and found < least):
        raise ValueError(
            f"'{key}: {found}' must be a whole number{f' of at least {least}' if least is not None else ''}"
        )
    return found


def duration(entry: Mapping[str, Any], key: str, *, default: float) -> float:
    """A key that holds a duration, in seconds."""
    if entry.get(key) is None:
        return default
    try:
        return durations.parse_duration(str(entry[key]))
    except ValueError as error:
        raise ValueError(f"'{key}': {error}") from None


def run_timeout(entry: Mapping[str, Any], *, default: float) -> float:
    """`runTimeout`, in seconds: a run always has an end."""
    found = duration(entry, "runTimeout", default=default)
    if not found:
        raise ValueError("'runTimeout: 0' would end every run at once; write how long one may take, such as 30m")
    return found


def variables(entry: Mapping[str, Any], where: str = "vars") -> dict[str, Any]:
    """`vars`: names and values."""
    found = entry.get("vars") or {}
    if not isinstance(found, Mapping):
        raise ValueError(f"'{where}' must be a mapping of names and values")
    return dict(found)


def api_version(entry: Mapping[str, Any]) -> str:
    """The apiVersion of `group` and `version`."""
    group, version = entry.get("group") or "", entry["version"]
    return f"{group}/{version}" if group else str(version)


def filter_of(entry: Mapping[str, Any]) -> object_filter.Filter | None:
    """`filter`: a JMESPath expression, compiled."""
    text = entry.get("filter")
    return None if text is None else object_filter.compile_filter(str(text))


def finalizer(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """`finalizer`, checked: name, and one of role, playbook, vars."""
    found = entry.get("finalizer")
    if found is None:
        return None
    if not isinstance(found, Mapping) or not found.get("name"):
        raise ValueError("'finalizer.name' is missing; it is what objects carry, such as 'example.com/finalizer'")
    for key in found:
        if key not in _FINALIZER:
            raise ValueError(f"'finalizer.{key}' is not a key of a finalizer")
    if not any(found.get(key) for key in ("role", "playbook", "vars")):
        raise ValueError("'finalizer' needs one of 'role', 'playbook' and 'vars': what is different about a deletion")
    variables(found, "finalizer.vars")
    return found


def blacklist(entry: Mapping[str, Any]) -> frozenset[cache.Kind]:
    """`blacklist`: kinds that are never watched or answered from the cache for this watch."""
    found: set[cache.Kind] = set()
    for position, kind in enumerate(entry.get("blacklist") or []):
        if not isinstance(kind, Mapping) or not kind.get("version") or not kind.get("kind"):
            raise ValueError(f"blacklist[{position}]: 'version' and 'kind' are needed")
        found.add((api_version(kind), str(kind["kind"])))
    return frozenset(found)


def primary(entry: Mapping[str, Any], namespaces: tuple[str, ...]) -> tuple[cache.Source, ...]:
    """What is watched for the entry itself."""
    selector = selectors.format_label_selector(entry.get("selector") or {})
    field_selector = _filled(entry.get("fieldSelector"), "fieldSelector")
    return _sources(entry, namespaces, label_selector=selector or None, field_selector=field_selector)


def related(entry: Mapping[str, Any], key: str, namespaces: tuple[str, ...]) -> tuple[cache.Source, ...]:
    """What is watched for `dependents` or `reads`."""
    found: list[cache.Source] = []
    for position, one in enumerate(entry.get(key) or []):
        for name in one:
            if name not in _RELATED and (key, name) != ("reads", _SAME_NAMESPACE):
                raise ValueError(f"{key}[{position}]: '{name}' is not a key of it")
        if one.get("owner", True) is not True:
            raise ValueError(f"{key}[{position}]: 'owner: false' is not supported; use `reads`")
        if not one.get("version") or not one.get("kind"):
            raise ValueError(f"{key}[{position}]: 'version' and 'kind' are needed")
        selector = one.get("labelSelector")
        if isinstance(selector, Mapping):
            selector = selectors.format_label_selector(selector)
        field_selector = _filled(one.get("fieldSelector"), "fieldSelector")
        found += _sources(one, namespaces, label_selector=selector, field_selector=field_selector)
    return tuple(found)


def local_reads(entry: Mapping[str, Any], namespaces: tuple[str, ...]) -> frozenset[cache.Source]:
    """What of `reads` concerns only the watched objects of its own namespace."""
    found = []
    for position, one in enumerate(entry.get("reads") or []):
        local = one.get(_SAME_NAMESPACE, False)
        if not isinstance(local, bool):
            raise ValueError(f"reads[{position}]: '{_SAME_NAMESPACE}: {local}' is neither true nor false")
        if local:
            found.append(one)
    return frozenset(related({"reads": found}, "reads", namespaces))


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace `${VAR}` and `$VAR` where the variable is set; others become `${VAR}`, as ansible-operator does."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return environment.get(name, "${" + name + "}")

    return _VARIABLE.sub(value, text)


def _filled(value: Any, key: str) -> str | None:
    """A value that must not have an unset variable left in it: it would select nothing, silently."""
    if value is None:
        return None
    if left := _VARIABLE.search(str(value)):
        raise ValueError(f"'{key}: {value}': the environment variable {left[1] or left[2]} is not set")
    return str(value)


def _sources(
    entry: Mapping[str, Any],
    watched: tuple[str, ...],
    *,
    label_selector: str | None,
    field_selector: str | None,
) -> tuple[cache.Source, ...]:
    fixed = _filled(entry.get("namespace"), "namespace")
    namespaces: tuple[str | None, ...] = (fixed,) if fixed else (watched or (None,))
    selectors.Matcher(namespace=None, label_selector=label_selector, field_selector=field_selector)  # raises ValueError
    dropped = entry.get("drop") or []
    if not isinstance(dropped, list):
        raise ValueError(f"drop: {dropped!r} is not a list of JSON pointers")
    dropped = tuple(str(pointer) for pointer in dropped)
    for pointer in dropped:
        cache.pointer(pointer)  # raises ValueError
    return tuple(
        cache.Source(
            api_version=api_version(entry),
            kind=str(entry["kind"]),
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            drop=dropped,
        )
        for namespace in namespaces
    )
