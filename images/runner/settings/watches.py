"""The watch list: which kinds are watched and which role or playbook is executed for each, in ansible-operator's `watches.yaml` format.

In: the file and the environment (`${VAR}` is replaced where the variable is set). Out: `Watch` objects, checked. What each key means is in
`watch_keys.py`; an unknown key is refused. Called by `runner.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from ..watching import cache
from . import kind_settings, object_filter, role_paths, watch_keys

RUN_SECONDS = 600.0
MAX_ARTIFACTS = 20


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is executed: a role (name, path or NAMESPACE.COLLECTION.ROLE) or a playbook (absolute path); the other one is empty."""

    role: str = ""
    playbook: str = ""

    def __str__(self) -> str:
        return f"playbook {self.playbook}" if self.playbook else f"role {self.role}"


@dataclass(frozen=True, kw_only=True)
class Finalizer:
    """The finalizer that objects carry, what is executed at their deletion, and the variables that are added then."""

    name: str
    content: Content
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One entry: the watched kind, what is executed, and when. Durations are in seconds."""

    name: str
    api_version: str
    kind: str
    role: str = ""
    playbook: str = ""
    primary: tuple[cache.Source, ...]
    planner: str | None = None
    finalizer: Finalizer | None = None
    dependents: tuple[cache.Source, ...] = ()
    reads: tuple[cache.Source, ...] = ()
    local_reads: frozenset[cache.Source] = frozenset()
    variables: Mapping[str, Any] = field(default_factory=dict)
    snake_case: bool = False
    manage_status: bool = False
    dynamic_dependents: bool = False
    cluster_scoped_dependents: bool = False
    blacklist: frozenset[cache.Kind] = frozenset()
    annotations_trigger: bool = False
    status_trigger: bool = False
    dependents_status_trigger: bool = False
    filter: object_filter.Filter | None = None
    runs_on_delete: bool = False
    cancel_on_change: bool = False
    reconcile_period: float = 0.0
    run_timeout: float = RUN_SECONDS
    priority: int = 0
    max_concurrent: int = 0
    verbosity: int = 0
    max_artifacts: int = MAX_ARTIFACTS
    engine: str | None = None
    gather_facts: bool = False

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    @property
    def gvk(self) -> str:
        """The kind as ansible-operator's metrics name it, such as `example.com/v1, Kind=Widget`."""
        return f"{self.group}/{self.version}, Kind={self.kind}"

    @property
    def controller(self) -> str:
        """The name under which turns are counted, as ansible-operator names its controllers: `widget-v1-controller`."""
        return f"{self.kind}-{self.version}-controller".lower()

    @property
    def content(self) -> Content:
        """What is executed."""
        return Content(role="" if self.playbook else self.role, playbook=self.playbook)

    @property
    def uses_proxy(self) -> bool:
        """Whether runs get a kubeconfig of the proxy; where a planner observes, the role goes through the gateway alone."""
        return self.planner is None


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What the command line and the environment say for every entry: seconds, namespaces (empty: all), variables, the working directory."""

    reconcile_period: float
    namespaces: tuple[str, ...] = ()
    max_concurrent: int = 0
    verbosity: int = 0
    variables: Mapping[str, Any] = field(default_factory=dict)
    directory: Path = Path()


def load(path: Path, *, environment: Mapping[str, str], defaults: Defaults) -> tuple[Watch, ...]:
    """Read and check a watch list.

    Raises InvalidObject that names the file, the entry and the key.
    """
    try:
        entries = yaml.safe_load(watch_keys.expand(path.read_text(encoding="utf-8"), environment))
    except (OSError, yaml.YAMLError) as error:
        raise errors.InvalidObject(f"watch list {path}: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise errors.InvalidObject(f"watch list {path}: it must be a list with at least one entry")
    watches: list[Watch] = []
    for number, entry in enumerate(entries):
        try:
            watches.append(_watch(entry, environment, defaults))
        except (ValueError, TypeError, KeyError) as error:
            raise errors.InvalidObject(f"watch list {path}: entry {number}: {error}", field=f"[{number}]") from error
    names = [watch.name for watch in watches]
    for name in names:
        if names.count(name) > 1:
            raise errors.InvalidObject(f"watch list {path}: {name} is listed twice; one entry per kind")
    return tuple(watches)


def _watch(entry: Any, environment: Mapping[str, str], defaults: Defaults) -> Watch:
    if not isinstance(entry, Mapping):
        raise ValueError("it must be a mapping")
    watch_keys.check(entry)
    api_version, kind = watch_keys.api_version(entry), str(entry["kind"])
    group = api_version.rpartition("/")[0]
    content = _content(entry, environment, defaults)
    flag = watch_keys.flag
    return Watch(
        name=f"{api_version} {kind}",
        api_version=api_version,
        kind=kind,
        role=content.role,
        playbook=content.playbook,
        primary=watch_keys.primary(entry, defaults.namespaces),
        planner=entry.get("planner"),
        finalizer=_finalizer(entry, content, environment, defaults),
        dependents=watch_keys.related(entry, "dependents", defaults.namespaces),
        reads=watch_keys.related(entry, "reads", defaults.namespaces),
        local_reads=watch_keys.local_reads(entry, defaults.namespaces),
        variables={**watch_keys.variables(entry), **defaults.variables},
        snake_case=flag(entry, "snakeCaseParameters", default=True),
        manage_status=flag(entry, "manageStatus", default=True),
        dynamic_dependents=flag(entry, "watchDependentResources", default=True),
        cluster_scoped_dependents=flag(entry, "watchClusterScopedResources", default=False),
        blacklist=watch_keys.blacklist(entry),
        annotations_trigger=flag(entry, "watchAnnotationsChanges", default=False),
        status_trigger=flag(entry, "watchStatusChanges", default=False),
        dependents_status_trigger=flag(entry, "watchDependentsStatusChanges", default=False),
        filter=watch_keys.filter_of(entry),
        runs_on_delete=watch_keys.choice(entry, "onDelete", ("run",)) is not None,
        cancel_on_change=flag(entry, "cancelOnChange", default=False),
        # 0 in the file means the command line's value, as in ansible-operator.
        reconcile_period=watch_keys.duration(entry, "reconcilePeriod", default=0.0) or defaults.reconcile_period,
        run_timeout=watch_keys.run_timeout(entry, default=RUN_SECONDS),
        priority=watch_keys.number(entry, "priority", default=0),
        max_concurrent=kind_settings.max_concurrent(group, kind, environment, defaults.max_concurrent),
        verbosity=kind_settings.verbosity(group, kind, environment, defaults.verbosity),
        # 0 in the file means 20, as in ansible-operator; the annotation can say 0.
        max_artifacts=watch_keys.number(entry, "maxRunnerArtifacts", default=0, least=0) or MAX_ARTIFACTS,
        engine=watch_keys.choice(entry, "engine", watch_keys.ENGINES),
        gather_facts=flag(entry, "gatherFacts", default=kind_settings.gathers_facts(environment)),
    )


def _content(entry: Mapping[str, Any], environment: Mapping[str, str], defaults: Defaults) -> Content:
    """The playbook, which wins, or the role."""
    if entry.get("playbook"):
        return Content(playbook=role_paths.find_playbook(str(entry["playbook"]), directory=defaults.directory))
    role = str(entry.get("role") or "")
    return Content(role=role_paths.find_role(role, environment=environment, directory=defaults.directory))


def _finalizer(
    entry: Mapping[str, Any], content: Content, environment: Mapping[str, str], defaults: Defaults
) -> Finalizer | None:
    given = watch_keys.finalizer(entry)
    if given is None:
        return None
    if given.get("role") or given.get("playbook"):
        content = _content(given, environment, defaults)
    # What the command line says wins also here.
    variables = {**watch_keys.variables(given), **defaults.variables}
    return Finalizer(name=str(given["name"]), content=content, variables=variables)


def sources(watches: tuple[Watch, ...]) -> tuple[cache.Source, ...]:
    """Every source that the watches need from the start, each once."""
    wanted = [source for watch in watches for source in (*watch.primary, *watch.dependents, *watch.reads)]
    return tuple(dict.fromkeys(wanted))


def roles(watches: tuple[Watch, ...]) -> tuple[str, ...]:
    """Every role that the watches execute, each once."""
    contents = [
        content for watch in watches for content in (watch.content, watch.finalizer and watch.finalizer.content)
    ]
    return tuple(dict.fromkeys(content.role for content in contents if content and content.role))


def playbooks(watches: tuple[Watch, ...]) -> tuple[str, ...]:
    """Every playbook that the watches execute, each once."""
    contents = [
        content for watch in watches for content in (watch.content, watch.finalizer and watch.finalizer.content)
    ]
    return tuple(dict.fromkeys(content.playbook for content in contents if content and content.playbook))
