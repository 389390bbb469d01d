"""The watch list: which kinds are watched and which role is executed for each, in ansible-operator's `watches.yaml` format.

In: the file and the environment (`${VAR}` is replaced where the variable is set). Out: `Watch` objects, checked. A key of ansible-operator
that this runner does not act on, or only in one way, is refused with a message that says what to write; an unknown key too. Keys of our own:
planner, dependents, reads, fieldSelector, runTimeout, priority. Called by `__main__.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from . import cache, durations, selectors

RUN_SECONDS = 600.0
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_REQUIRED = ("version", "kind", "role")
_THEIRS = frozenset(
    {
        *(
            "group",
            "version",
            "kind",
            "role",
            "vars",
            "reconcilePeriod",
            "selector",
            "watchAnnotationsChanges",
            "markUnsafe",
        ),
        *(
            "manageStatus",
            "snakeCaseParameters",
            "watchDependentResources",
            "watchClusterScopedResources",
            "maxRunnerArtifacts",
        ),
    }
)
_OURS = frozenset({"planner", "dependents", "reads", "fieldSelector", "runTimeout", "priority"})
_KNOWN = _THEIRS | _OURS
_RELATED_KNOWN = frozenset({"group", "version", "kind", "labelSelector", "fieldSelector", "namespace", "owner"})
# ansible-operator's keys that have one meaning here: (default there, the only value here, why).
_ONE_WAY = {
    "manageStatus": (True, False, "this runner leaves the status to the role and its planner"),
    "snakeCaseParameters": (True, False, "this runner passes the names of the spec as they are"),
    "watchDependentResources": (True, False, "list the kinds to watch under `dependents`"),
    "watchClusterScopedResources": (False, False, "list the kinds to watch under `dependents`"),
    "markUnsafe": (True, True, "strings of an object are never templates here"),
}
_REFUSED = {
    "playbook": "this runner executes roles; put the tasks into a role",
    "finalizer": "let the role add and remove its own finalizer",
    "blacklist": "this runner watches only what the file names",
}


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One entry: the watched kind, the role, and when the role is executed. Durations are in seconds."""

    name: str
    api_version: str
    kind: str
    role: str
    primary: tuple[cache.Source, ...]
    planner: str | None = None
    dependents: tuple[cache.Source, ...] = ()
    reads: tuple[cache.Source, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    reconcile_period: float = 0.0
    run_timeout: float = RUN_SECONDS
    priority: int = 0
    annotations_trigger: bool = False

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What the command line and the environment say for every entry: seconds, and the namespaces (empty: all)."""

    reconcile_period: float
    namespaces: tuple[str, ...] = ()


def load(path: Path, *, environment: Mapping[str, str], defaults: Defaults) -> tuple[Watch, ...]:
    """Read and check a watch list.

    Raises InvalidObject that names the file, the entry and the key.
    """
    try:
        entries = yaml.safe_load(expand(path.read_text(encoding="utf-8"), environment))
    except (OSError, yaml.YAMLError) as error:
        raise errors.InvalidObject(f"watch list {path}: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise errors.InvalidObject(f"watch list {path}: it must be a list with at least one entry")
    watches: list[Watch] = []
    for number, entry in enumerate(entries):
        try:
            watches.append(_watch(entry, defaults))
        except (ValueError, TypeError, KeyError) as error:
            raise errors.InvalidObject(f"watch list {path}: entry {number}: {error}", field=f"[{number}]") from error
    names = [watch.name for watch in watches]
    for name in names:
        if names.count(name) > 1:
            raise errors.InvalidObject(f"watch list {path}: {name} is listed twice; one entry per kind")
    return tuple(watches)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace `${VAR}` and `$VAR` where the variable is set; others become `${VAR}`, as ansible-operator does."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return environment.get(name, "${" + name + "}")

    return _VARIABLE.sub(value, text)


def _watch(entry: Any, defaults: Defaults) -> Watch:
    if not isinstance(entry, Mapping):
        raise ValueError("it must be a mapping")
    _check_keys(entry)
    api_version = _api_version(entry)
    period = entry.get("reconcilePeriod")
    selector = selectors.format_label_selector(entry.get("selector") or {})
    field_selector = _filled(entry.get("fieldSelector"), "fieldSelector")
    primary = _sources(entry, defaults, label_selector=selector or None, field_selector=field_selector)
    return Watch(
        name=f"{api_version} {entry['kind']}",
        api_version=api_version,
        kind=str(entry["kind"]),
        role=str(entry["role"]),
        primary=primary,
        planner=entry.get("planner"),
        dependents=_related(entry, "dependents", defaults),
        reads=_related(entry, "reads", defaults),
        variables=dict(entry.get("vars") or {}),
        reconcile_period=durations.parse_duration(str(period)) if period else defaults.reconcile_period,
        run_timeout=durations.parse_duration(str(entry.get("runTimeout", f"{RUN_SECONDS:g}s"))),
        priority=int(entry.get("priority", 0)),
        annotations_trigger=bool(entry.get("watchAnnotationsChanges", False)),
    )


def _check_keys(entry: Mapping[str, Any]) -> None:
    for key in entry:
        if key in _REFUSED:
            raise ValueError(f"'{key}' is not supported: {_REFUSED[key]}")
        if key not in _KNOWN:
            raise ValueError(f"'{key}' is not a key of a watch list")
    for key in _REQUIRED:
        if not entry.get(key):
            raise ValueError(f"'{key}' is missing")
    for key, (default, only, why) in _ONE_WAY.items():
        if entry.get(key, default) is not only:
            seen = "" if key in entry else " (the default)"
            raise ValueError(
                f"'{key}: {str(entry.get(key, default)).lower()}'{seen} is not supported: {why}; write '{key}: {str(only).lower()}'"
            )


def _api_version(entry: Mapping[str, Any]) -> str:
    group, version = entry.get("group") or "", entry["version"]
    return f"{group}/{version}" if group else str(version)


def _filled(value: Any, key: str) -> str | None:
    """A value that must not have an unset variable left in it: it would select nothing, silently."""
    if value is None:
        return None
    if left := _VARIABLE.search(str(value)):
        raise ValueError(f"'{key}: {value}': the environment variable {left[1] or left[2]} is not set")
    return str(value)


def _sources(
    entry: Mapping[str, Any], defaults: Defaults, *, label_selector: str | None, field_selector: str | None
) -> tuple[cache.Source, ...]:
    fixed = _filled(entry.get("namespace"), "namespace")
    namespaces: tuple[str | None, ...] = (fixed,) if fixed else (defaults.namespaces or (None,))
    selectors.Matcher(namespace=None, label_selector=label_selector, field_selector=field_selector)  # raises ValueError
    return tuple(
        cache.Source(
            api_version=_api_version(entry),
            kind=str(entry["kind"]),
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
        )
        for namespace in namespaces
    )


def _related(entry: Mapping[str, Any], key: str, defaults: Defaults) -> tuple[cache.Source, ...]:
    found: list[cache.Source] = []
    for number, related in enumerate(entry.get(key) or []):
        for name in related:
            if name not in _RELATED_KNOWN:
                raise ValueError(f"{key}[{number}]: '{name}' is not a key of it")
        if related.get("owner", True) is not True:
            raise ValueError(f"{key}[{number}]: 'owner: false' is not supported; use `reads`")
        if not related.get("version") or not related.get("kind"):
            raise ValueError(f"{key}[{number}]: 'version' and 'kind' are needed")
        selector = related.get("labelSelector")
        if isinstance(selector, Mapping):
            selector = selectors.format_label_selector(selector)
        field_selector = _filled(related.get("fieldSelector"), "fieldSelector")
        found += _sources(related, defaults, label_selector=selector, field_selector=field_selector)
    return tuple(found)


def sources(watches: tuple[Watch, ...]) -> tuple[cache.Source, ...]:
    """Every source that the watches need, each once."""
    wanted = [source for watch in watches for source in (*watch.primary, *watch.dependents, *watch.reads)]
    return tuple(dict.fromkeys(wanted))
