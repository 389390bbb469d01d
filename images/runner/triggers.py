"""Which object has to be looked at when something in the cache changed.

In: the watch list and a `cache.Change`. Out: `Trigger`s: the key, the reason in words, how urgent. A watch with a planner is told of every
change (the planner decides whether it matters); one without only of what ansible-operator would run for: a new generation, and annotations
where the watch asks for them. Pure. Called by `reconciler.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import cache, watches

DELETION_PRIORITY = 10


@dataclass(frozen=True, order=True)
class ObjectKey:
    """A watched object: the index of its watch, namespace ("" for cluster-scoped) and name."""

    watch: int
    namespace: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """One object to look at; `gone` means that it no longer exists (or left the watch's selectors)."""

    key: ObjectKey
    reason: str
    priority: int = 0
    urgent: bool = False
    gone: bool = False


class Triggers:
    """Maps changes to objects of the watched kinds."""

    def __init__(self, watch_list: tuple[watches.Watch, ...], store: cache.Cache) -> None:
        self._watches = watch_list
        self._cache = store

    def of(self, change: cache.Change) -> Iterator[Trigger]:
        """What follows from a change."""
        for index, watch in enumerate(self._watches):
            if not change.sources.isdisjoint(watch.primary):
                yield from self._primary(index, watch, change)
            if not change.sources.isdisjoint(watch.dependents):
                yield from self._dependent(index, watch, change)
            if not change.sources.isdisjoint(watch.reads) and _matters(watch, change):
                yield from self._read(index, watch, change)

    def _primary(self, index: int, watch: watches.Watch, change: cache.Change) -> Iterator[Trigger]:
        key = ObjectKey(index, *change.key)
        new, old = change.new, change.old
        if new is None:
            yield Trigger(key=key, reason="deleted", gone=True)
            return
        deleting = "deletionTimestamp" in new["metadata"]
        priority = watch.priority + (DELETION_PRIORITY if deleting else 0)
        if old is None:
            yield Trigger(key=key, reason="appeared", priority=priority, urgent=True)
        elif old["metadata"].get("uid") != new["metadata"].get("uid"):
            yield Trigger(key=key, reason="created again", priority=priority, urgent=True)
        elif _generation_changed(old, new):
            yield Trigger(key=key, reason="deletion" if deleting else "spec changed", priority=priority, urgent=True)
        elif watch.annotations_trigger and _annotations(old) != _annotations(new):
            yield Trigger(key=key, reason="annotations changed", priority=priority, urgent=True)
        elif watch.planner is not None:
            yield Trigger(key=key, reason="changed", priority=priority)

    def _dependent(self, index: int, watch: watches.Watch, change: cache.Change) -> Iterator[Trigger]:
        obj = change.new or change.old
        owner = cache.controller_of(obj) if obj else None
        if obj is None or owner is None or owner.get("kind") != watch.kind:
            return
        if str(owner.get("apiVersion")).rpartition("/")[0] != watch.group:
            return
        namespace, name = change.key[0], str(owner["name"])
        found = self._cache.get(watch.api_version, watch.kind, namespace, name)
        if found is None or found["metadata"].get("uid") != owner.get("uid"):
            return
        what = "changed" if change.old and change.new else ("appeared" if change.new else "is gone")
        reason = f"{change.kind[1]} {change.key[1]} {what}"
        yield Trigger(key=ObjectKey(index, namespace, name), reason=reason, priority=watch.priority)

    def _read(self, index: int, watch: watches.Watch, change: cache.Change) -> Iterator[Trigger]:
        reason = f"{change.kind[1]} {change.key[1]} changed"
        for source in watch.primary:
            for key in self._cache.keys_covered_by(source):
                yield Trigger(key=ObjectKey(index, *key), reason=reason, priority=watch.priority)


def _annotations(obj: Mapping[str, Any]) -> Any:
    return obj["metadata"].get("annotations") or {}


def _generation_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    before, after = old["metadata"], new["metadata"]
    if "generation" not in after:
        return str(before.get("resourceVersion")) != str(after.get("resourceVersion"))
    newly_deleting = "deletionTimestamp" in after and "deletionTimestamp" not in before
    return newly_deleting or int(before.get("generation", 0)) != int(after["generation"])


def _matters(watch: watches.Watch, change: cache.Change) -> bool:
    if watch.planner is not None or change.old is None or change.new is None:
        return True
    return _generation_changed(change.old, change.new)
