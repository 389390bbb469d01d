"""Which object has to be looked at when something in the cache changed.

In: the watch list and a `cache.Change`. Out: `Trigger`s: the key, the reason in words, how urgent. A watch with a planner is told of every
change (the planner decides whether it matters); one without only of what ansible-operator would run for (a new generation; annotations where the
watch asks for them; dependents whose desired state changed or that went) and of what its optional keys add. Pure. Called by `reconciler.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol

from ..access import owner_injection
from ..settings import watches
from ..watching import cache
from . import managed_status

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


class Dynamic(Protocol):
    """Knows what is watched for a watch since its runs created it."""

    def sources(self, index: int) -> AbstractSet[cache.Source]: ...


class Triggers:
    """Maps changes to objects of the watched kinds."""

    def __init__(
        self, watch_list: tuple[watches.Watch, ...], store: cache.Cache, dynamic: Dynamic | None = None
    ) -> None:
        self._watches = watch_list
        self._cache = store
        self._dynamic = dynamic

    def of(self, change: cache.Change) -> Iterator[Trigger]:
        """What follows from a change."""
        for index, watch in enumerate(self._watches):
            if not change.sources.isdisjoint(watch.primary):
                yield from self._primary(index, watch, change)
            if not change.sources.isdisjoint(watch.dependents) or (
                self._is_dynamic(index, change) and _dependent_matters(watch, change)
            ):
                yield from self._dependent(index, watch, change)
            if not change.sources.isdisjoint(watch.reads) and _matters(watch, change):
                yield from self._read(index, watch, change)

    def _is_dynamic(self, index: int, change: cache.Change) -> bool:
        return self._dynamic is not None and not change.sources.isdisjoint(self._dynamic.sources(index))

    def _primary(self, index: int, watch: watches.Watch, change: cache.Change) -> Iterator[Trigger]:
        key = ObjectKey(index, *change.key)
        new, old = change.new, change.old
        if new is None:
            yield Trigger(key=key, reason="deleted", gone=True)
            return
        deleting = "deletionTimestamp" in new["metadata"]
        priority = watch.priority + (DELETION_PRIORITY if deleting else 0)
        if old is None:
            # With several namespaces, each of their watches tells of a cluster-scoped object: the first one is enough.
            covering = self._cache.sources_of(watch.api_version, watch.kind, *change.key) & set(watch.primary)
            if covering <= change.sources:
                yield Trigger(key=key, reason="appeared", priority=priority, urgent=True)
        elif old["metadata"].get("uid") != new["metadata"].get("uid"):
            yield Trigger(key=key, reason="created again", priority=priority, urgent=True)
        elif _generation_changed(old, new):
            yield Trigger(key=key, reason="deletion" if deleting else "spec changed", priority=priority, urgent=True)
        elif watch.annotations_trigger and _annotations(old) != _annotations(new):
            yield Trigger(key=key, reason="annotations changed", priority=priority, urgent=True)
        elif watch.planner is not None:
            yield Trigger(key=key, reason="changed", priority=priority)
        elif watch.status_trigger and _status(old) != _status(new):
            yield Trigger(key=key, reason="status changed", priority=priority)

    def _dependent(self, index: int, watch: watches.Watch, change: cache.Change) -> Iterator[Trigger]:
        obj = change.new or change.old
        if obj is None:
            return
        what = "changed" if change.old and change.new else ("appeared" if change.new else "is gone")
        reason = f"{change.kind[1]} {change.key[1]} {what}"
        for namespace, name in self._owners(watch, obj):
            yield Trigger(key=ObjectKey(index, namespace, name), reason=reason, priority=watch.priority)

    def _owners(self, watch: watches.Watch, obj: cache.Object) -> Iterator[cache.Key]:
        """The watched objects that the object belongs to: by its controller, or, without a planner, by any owner or by annotations."""
        if watch.planner is not None:
            controller = cache.controller_of(obj)
            references = [controller] if controller else []
        else:
            references = obj["metadata"].get("ownerReferences") or []
        for reference in references:
            group = str(reference.get("apiVersion")).rpartition("/")[0]
            if reference.get("kind") == watch.kind and group == watch.group:
                found = self._cache.get_by_uid(watch.api_version, watch.kind, str(reference.get("uid")))
                if found is not None:
                    yield cache.key_of(found)
        key = owner_injection.annotated_owner(obj, watch.group, watch.kind) if watch.planner is None else None
        if key is not None and self._cache.get(watch.api_version, watch.kind, *key) is not None:
            yield key

    def _read(self, index: int, watch: watches.Watch, change: cache.Change) -> Iterator[Trigger]:
        reason = f"{change.kind[1]} {change.key[1]} changed"
        local = change.sources.isdisjoint(set(watch.reads) - watch.local_reads)
        for source in watch.primary:
            for key in self._cache.keys_covered_by(source):
                if not local or key[0] == change.key[0]:
                    yield Trigger(key=ObjectKey(index, *key), reason=reason, priority=watch.priority)


def _annotations(obj: Mapping[str, Any]) -> Any:
    return obj["metadata"].get("annotations") or {}


def _status(obj: Mapping[str, Any]) -> Any:
    return managed_status.unmanaged(obj.get("status"))


def _desired(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object without its status and without what counts its versions."""
    meta = {
        name: value
        for name, value in obj["metadata"].items()
        if name not in ("resourceVersion", "generation", "managedFields")
    }
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": meta}


def _generation_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    before, after = old["metadata"], new["metadata"]
    if "generation" not in after:
        return _desired(old) != _desired(new)
    newly_deleting = "deletionTimestamp" in after and "deletionTimestamp" not in before
    return newly_deleting or int(before.get("generation", 0)) != int(after["generation"])


def _dependent_matters(watch: watches.Watch, change: cache.Change) -> bool:
    """Whether ansible-operator would run for it: not for a creation, nor for a change of the status alone."""
    if change.old is None or change.new is None:
        return change.old is not None
    if watch.dependents_status_trigger and change.old.get("status") != change.new.get("status"):
        return True
    return _desired(change.old) != _desired(change.new)


def _matters(watch: watches.Watch, change: cache.Change) -> bool:
    if watch.planner is not None or change.old is None or change.new is None:
        return True
    return _generation_changed(change.old, change.new)
