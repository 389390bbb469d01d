"""The cache: the last known state of every watched object, with indexes by uid, owner, node and label.

In: what watchers read (`replace`, `apply`) and what answers to writes carried (`written`). Out: objects as plain dicts without managedFields, for
planners, the gateway and services; and one call per change to whoever subscribed. An older state never replaces a newer one, in
whatever order the two arrive. Objects handed out are shared: nobody changes them. Everything runs on the event loop; nothing waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import selectors

Object = dict[str, Any]
Key = tuple[str, str]  # namespace ("" for cluster-scoped), name
Kind = tuple[str, str]  # apiVersion, kind


@dataclass(frozen=True, kw_only=True)
class Source:
    """One list+watch: which objects of a kind it covers."""

    api_version: str
    kind: str
    namespace: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None

    @property
    def of_kind(self) -> Kind:
        """The kind it reads."""
        return (self.api_version, self.kind)

    @property
    def is_selective(self) -> bool:
        """Whether selectors leave objects out."""
        return bool(self.label_selector or self.field_selector)


@dataclass(frozen=True)
class Change:
    """An object appeared (no old), changed, or went (no new); `sources` are those that cover it, or covered it."""

    kind: Kind
    key: Key
    old: Object | None
    new: Object | None
    sources: frozenset[Source]


@dataclass
class _Entry:
    obj: Object
    sources: set[Source]


@dataclass
class _Feed:
    """A source's progress: the newest resourceVersion that was processed."""

    matches: selectors.Matcher
    version: int = 0


@dataclass
class _Store:
    entries: dict[Key, _Entry] = field(default_factory=dict)
    by_uid: dict[str, Key] = field(default_factory=dict)
    by_owner: defaultdict[str, set[Key]] = field(default_factory=lambda: defaultdict(set))
    by_node: defaultdict[str, set[Key]] = field(default_factory=lambda: defaultdict(set))
    by_label: defaultdict[tuple[str, str], set[Key]] = field(default_factory=lambda: defaultdict(set))


def key_of(obj: Mapping[str, Any]) -> Key:
    """(namespace, name) of an object."""
    meta = obj["metadata"]
    return (meta.get("namespace") or "", meta["name"])


def controller_of(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference of the object's controller."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: Mapping[str, Any] = reference
            return found
    return None


def version_of(obj: Mapping[str, Any]) -> int:
    """The resourceVersion as a number (Kubernetes orders them so since 1.35); 0 where it is none."""
    text = str(obj["metadata"].get("resourceVersion") or "")
    return int(text) if text.isdigit() else 0


def _trim(obj: Object) -> Object:
    meta = obj["metadata"]
    if "managedFields" in meta:
        obj = {**obj, "metadata": {name: value for name, value in meta.items() if name != "managedFields"}}
    return obj


class Cache:
    """All stores."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._feeds: dict[Source, _Feed] = {}
        self._stores: dict[Kind, _Store] = {}
        self._subscribers: list[Callable[[Change], None]] = []
        for source in sources:
            self.add_source(source)

    def add_source(self, source: Source) -> None:
        """Have one more source, before its watcher starts; one that is there stays as it is."""
        if source not in self._feeds:
            matches = selectors.Matcher(
                namespace=source.namespace, label_selector=source.label_selector, field_selector=source.field_selector
            )
            self._feeds[source] = _Feed(matches)
            self._stores.setdefault(source.of_kind, _Store())

    def subscribe(self, callback: Callable[[Change], None]) -> None:
        """Call back at every change, in order."""
        self._subscribers.append(callback)

    # -- writing

    def apply(self, source: Source, event_type: str, obj: Object) -> None:
        """Take one watch event: ADDED, MODIFIED or DELETED (also what left the source's selectors)."""
        self._feeds[source].version = max(self._feeds[source].version, version_of(obj))
        if event_type == "DELETED":
            self._leave(source, key_of(obj), version=version_of(obj))
        else:
            self._put(obj, source)

    def replace(self, source: Source, objects: list[Object], version: int) -> None:
        """Take a complete list read at `version`: what is not in it is gone."""
        self._feeds[source].version = max(self._feeds[source].version, version)
        listed = {key_of(obj) for obj in objects}
        store = self._stores[source.of_kind]
        for key in [key for key, entry in store.entries.items() if source in entry.sources and key not in listed]:
            self._leave(source, key, version=version)
        for obj in objects:
            self._put(obj, source)

    def written(self, obj: Object) -> None:
        """Take the object that the answer to a write carried, where a source covers it."""
        kind = (str(obj.get("apiVersion")), str(obj.get("kind")))
        store = self._stores.get(kind)
        if store is None or not (obj.get("metadata") or {}).get("name"):
            return
        known = key_of(obj) in store.entries
        for source, feed in self._feeds.items():
            # What the watch has passed already and is not here was deleted since.
            passed = not known and version_of(obj) <= feed.version
            if source.of_kind == kind and not passed and feed.matches(obj):
                self._put(obj, source)

    def _put(self, obj: Object, source: Source) -> None:
        obj = _trim(obj)
        store, key = self._stores[source.of_kind], key_of(obj)
        entry = store.entries.get(key)
        if entry is None:
            store.entries[key] = _Entry(obj, {source})
            self._index(store, key, obj)
            self._tell(source.of_kind, key, None, obj, {source})
            return
        joined = source not in entry.sources
        entry.sources.add(source)
        old = entry.obj
        if version_of(obj) <= version_of(old) and version_of(old):
            if joined:
                self._tell(source.of_kind, key, None, old, {source})
            return
        entry.obj = obj
        self._unindex(store, key, old)
        self._index(store, key, obj)
        self._tell(source.of_kind, key, old, obj, entry.sources)

    def _leave(self, source: Source, key: Key, *, version: int) -> None:
        store = self._stores[source.of_kind]
        entry = store.entries.get(key)
        if entry is None or source not in entry.sources or version_of(entry.obj) > version > 0:
            return
        entry.sources.discard(source)
        if not entry.sources:
            del store.entries[key]
            self._unindex(store, key, entry.obj)
        self._tell(source.of_kind, key, entry.obj, None, {source})

    def _tell(self, kind: Kind, key: Key, old: Object | None, new: Object | None, sources: set[Source]) -> None:
        change = Change(kind, key, old, new, frozenset(sources))
        for callback in self._subscribers:
            callback(change)

    @staticmethod
    def _places(store: _Store, obj: Object) -> Iterable[tuple[defaultdict[Any, set[Key]], Any]]:
        meta = obj["metadata"]
        for reference in meta.get("ownerReferences") or ():
            yield store.by_owner, reference["uid"]
        node = (obj.get("spec") or {}).get("nodeName") or (obj.get("status") or {}).get("nodeName")
        if node:
            yield store.by_node, node
        for label in (meta.get("labels") or {}).items():
            yield store.by_label, label

    def _index(self, store: _Store, key: Key, obj: Object) -> None:
        if uid := obj["metadata"].get("uid"):
            store.by_uid[uid] = key
        for index, value in self._places(store, obj):
            index[value].add(key)

    def _unindex(self, store: _Store, key: Key, obj: Object) -> None:
        uid = obj["metadata"].get("uid")
        if uid and store.by_uid.get(uid) == key:
            del store.by_uid[uid]
        for index, value in self._places(store, obj):
            index[value].discard(key)
            if not index[value]:
                del index[value]

    # -- reading

    def has_kind(self, api_version: str, kind: str) -> bool:
        """Whether the kind is watched at all."""
        return (api_version, kind) in self._stores

    def covers(self, api_version: str, kind: str, *, namespace: str | None) -> bool:
        """Whether an object of the kind that is not here does not exist: a source without selectors reads that namespace."""
        return any(
            source.of_kind == (api_version, kind) and not source.is_selective and source.namespace in (None, namespace)
            for source in self._feeds
        )

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Object | None:
        """The object, or None."""
        store = self._stores.get((api_version, kind))
        entry = store.entries.get((namespace or "", name)) if store else None
        return entry.obj if entry else None

    def get_by_uid(self, api_version: str, kind: str, uid: str) -> Object | None:
        """The object with that uid, or None."""
        store = self._stores.get((api_version, kind))
        key = store.by_uid.get(uid) if store else None
        return store.entries[key].obj if store and key else None

    def covered_by(self, source: Source) -> list[Object]:
        """Every object of one source."""
        return [entry.obj for entry in self._stores[source.of_kind].entries.values() if source in entry.sources]

    def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        owner_uid: str | None = None,
        labels: Mapping[str, str] | None = None,
        node: str | None = None,
    ) -> list[Object]:
        """The objects that match everything given, sorted by namespace and name."""
        store = self._stores.get((api_version, kind))
        if store is None:
            return []
        sets: list[set[Key]] = []
        if owner_uid is not None:
            sets.append(store.by_owner.get(owner_uid, set()))
        if node is not None:
            sets.append(store.by_node.get(node, set()))
        sets += [store.by_label.get(label, set()) for label in (labels or {}).items()]
        keys: Iterable[Key] = set.intersection(*sets) if sets else store.entries
        return [store.entries[key].obj for key in sorted(keys) if namespace is None or key[0] == namespace]

    def sizes(self) -> dict[str, int]:
        """How many objects there are of each kind."""
        return {kind: len(store.entries) for (_, kind), store in self._stores.items()}
