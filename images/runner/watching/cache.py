"""The cache: the last known state of every watched object, with indexes by uid, owner, node and label.

In: what watchers read (`listing`, `apply`) and what answers to writes carried (`written`, `deleted`). Out: objects as plain dicts without managedFields
and without what their sources drop, for planners, the gateway and services; and one call per change to whoever subscribed. An older state never
replaces a newer one, in whatever order the two arrive. Objects handed out are shared: nobody changes them. Sources may be added while the process
runs. Everything runs on the event loop; nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import cache_store, selectors
from .cache_store import Key, Object, version_of

__all__ = ["Cache", "Change", "Key", "Kind", "Listing", "Object", "Source", "controller_of", "key_of", "version_of"]

Kind = tuple[str, str]  # apiVersion, kind


@dataclass(frozen=True, kw_only=True)
class Source:
    """One list+watch: which objects of a kind it covers, and which of their fields nobody needs (JSON pointers, such as /status/images)."""

    api_version: str
    kind: str
    namespace: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None
    drop: tuple[str, ...] = ()

    @property
    def of_kind(self) -> Kind:
        """The kind it reads."""
        return (self.api_version, self.kind)

    @property
    def is_selective(self) -> bool:
        """Whether selectors leave objects out."""
        return bool(self.label_selector or self.field_selector)

    @property
    def dropped(self) -> frozenset[tuple[str, ...]]:
        """The paths of `drop`, step by step.

        Raises ValueError for what is not a JSON pointer, and for what a cache cannot be without.
        """
        return frozenset(pointer(text) for text in self.drop)


def pointer(text: str) -> tuple[str, ...]:
    """The steps of a JSON pointer to something that a source may drop.

    Raises ValueError for what is none, and for what the cache and the triggers live by.
    """
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:])
    if not text.startswith("/") or not all(steps):
        raise ValueError(f"drop: '{text}' is not a JSON pointer such as /status/images")
    needed = steps[0] == "metadata" and steps[1:2] not in (("annotations",), ("labels",))
    if needed or steps[0] in ("apiVersion", "kind"):
        raise ValueError(
            f"drop: '{text}' is needed to find objects, their owners and what changed; of metadata only annotations and labels can go"
        )
    return steps


@dataclass(frozen=True)
class Change:
    """An object appeared (no old), changed, or went (no new); `sources` are those that cover it, or covered it."""

    kind: Kind
    key: Key
    old: Object | None
    new: Object | None
    sources: frozenset[Source]


@dataclass
class _Feed:
    """A source's progress: the newest resourceVersion that was processed, and the uids of objects that are gone before it has said so."""

    matches: selectors.Matcher
    version: int = 0
    gone: set[str] = field(default_factory=set)


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


def _is_finished(meta: Mapping[str, Any]) -> bool:
    """Whether this was the last write of an object that is being deleted: nothing holds it any more."""
    return (
        "deletionTimestamp" in meta
        and not meta.get("finalizers")
        and not int(meta.get("deletionGracePeriodSeconds") or 0)
    )


class Listing:
    """A complete list on its way in, object by object; `finish` removes what it did not hold. Dropped unfinished, it removes nothing."""

    def __init__(self, store: Cache, source: Source) -> None:
        self._cache = store
        self._source = source
        self._keys: set[Key] = set()
        self._uids: set[str] = set()

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, obj: Object) -> None:
        """Take one object of the list."""
        self._keys.add(key_of(obj))
        self._uids.add(str(obj["metadata"].get("uid") or ""))
        self._cache._put(obj, self._source)

    def finish(self, version: int) -> None:
        """The list, read at `version`, was complete."""
        self._cache._finish(self._source, self._keys, self._uids, version)


class Cache:
    """All stores."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._feeds: dict[Source, _Feed] = {}
        self._stores: dict[Kind, cache_store.Store] = {}
        self._alone: dict[frozenset[Source], frozenset[Source]] = {}
        self._subscribers: list[Callable[[Change], None]] = []
        wanted = list(sources)
        for source in wanted:
            same = [one.dropped for one in wanted if one.of_kind == source.of_kind]
            # Where one source of a kind needs a field, the kind keeps it.
            self._stores.setdefault(source.of_kind, cache_store.Store(frozenset.intersection(*same)))
            self.add_source(source)

    def add_source(self, source: Source) -> bool:
        """Cover one more; False where it is covered already. A watcher must follow.

        Raises ValueError where the kind is cached without a field that this source does not drop.
        """
        if source in self._feeds:
            return False
        store = self._stores.setdefault(source.of_kind, cache_store.Store(source.dropped))
        if missing := sorted("/" + "/".join(path) for path in store.drop - source.dropped):
            raise ValueError(
                f"{source.api_version} {source.kind} is cached without {', '.join(missing)}: drop it here too"
            )
        self._feeds[source] = _Feed(
            selectors.Matcher(
                namespace=source.namespace, label_selector=source.label_selector, field_selector=source.field_selector
            )
        )
        return True

    def subscribe(self, callback: Callable[[Change], None]) -> None:
        """Call back at every change, in order."""
        self._subscribers.append(callback)

    # -- writing

    def apply(self, source: Source, event_type: str, obj: Object) -> None:
        """Take one watch event: ADDED, MODIFIED or DELETED (also what left the source's selectors)."""
        feed, version = self._feeds[source], version_of(obj)
        feed.version = max(feed.version, version)
        if event_type == "DELETED":
            feed.gone.discard(str(obj["metadata"].get("uid") or ""))
            self._leave(source, key_of(obj), version=version)
        else:
            self._put(obj, source)

    def listing(self, source: Source) -> Listing:
        """Begin to take a complete list."""
        return Listing(self, source)

    def _finish(self, source: Source, keys: set[Key], uids: set[str], version: int) -> None:
        feed, store = self._feeds[source], self._stores[source.of_kind]
        feed.version = max(feed.version, version)
        # Of what the list still held the watch will tell the end; of the rest it says no more.
        feed.gone &= uids
        for key in [key for key, entry in store.entries.items() if source in entry.sources and key not in keys]:
            self._leave(source, key, version=version)

    def written(self, obj: Object) -> None:
        """Take the object that the answer to a write carried, where a source covers it."""
        kind = (str(obj.get("apiVersion")), str(obj.get("kind")))
        store = self._stores.get(kind)
        if store is None or not (obj.get("metadata") or {}).get("name"):
            return
        if _is_finished(obj["metadata"]):
            self.deleted(str(obj["metadata"].get("uid") or ""))
            return
        known = key_of(obj) in store.entries
        for source, feed in list(self._feeds.items()):
            # What the watch has passed already and is not here was deleted since.
            passed = not known and version_of(obj) <= feed.version
            if source.of_kind == kind and not passed and feed.matches(obj):
                self._put(obj, source)

    def deleted(self, uid: str) -> None:
        """Forget an object of which the API server said that it is gone, before the watches say it."""
        for kind, store in self._stores.items():
            key = store.by_uid.get(uid)
            if key is not None:
                sources = store.entries[key].sources
                for source in sources:
                    self._feeds[source].gone.add(uid)
                self._tell(Change(kind, key, store.remove(key), None, sources))
                return

    def _put(self, obj: Object, source: Source) -> None:
        store, key = self._stores[source.of_kind], key_of(obj)
        if str(obj["metadata"].get("uid") or "") in self._feeds[source].gone:
            return
        entry = store.entries.get(key)
        if entry is None:
            _, new = store.put(key, obj, self._shared({source}))
            self._tell(Change(source.of_kind, key, None, new, self._shared({source})))
            return
        joined = source not in entry.sources
        entry.sources = self._shared(entry.sources | {source})
        if version_of(obj) <= entry.version and entry.version:
            if joined:
                self._tell(Change(source.of_kind, key, None, store.get(key), self._shared({source})))
            return
        old, new = store.put(key, obj, entry.sources)
        self._tell(Change(source.of_kind, key, old, new, entry.sources))

    def _leave(self, source: Source, key: Key, *, version: int) -> None:
        store = self._stores[source.of_kind]
        entry = store.entries.get(key)
        if entry is None or source not in entry.sources or entry.version > version > 0:
            return
        entry.sources = self._shared(entry.sources - {source})
        old = store.get(key) if entry.sources else store.remove(key)
        self._tell(Change(source.of_kind, key, old, None, self._shared({source})))

    def _shared(self, sources: Iterable[Source]) -> frozenset[Source]:
        """One frozenset for all objects that are covered by the same sources."""
        wanted = frozenset(sources)
        return self._alone.setdefault(wanted, wanted)

    def _tell(self, change: Change) -> None:
        for callback in self._subscribers:
            callback(change)

    # -- reading

    def has_kind(self, api_version: str, kind: str) -> bool:
        """Whether the kind is watched at all."""
        return (api_version, kind) in self._stores

    def is_whole(self, api_version: str, kind: str) -> bool:
        """Whether the kind's objects are here with every field but managedFields."""
        store = self._stores.get((api_version, kind))
        return store is not None and not store.drop

    def covers(self, api_version: str, kind: str, *, namespace: str | None) -> bool:
        """Whether an object of the kind that is not here does not exist: a source without selectors reads that namespace."""
        return any(
            source.of_kind == (api_version, kind) and not source.is_selective and source.namespace in (None, namespace)
            for source in self._feeds
        )

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Object | None:
        """The object, or None."""
        store = self._stores.get((api_version, kind))
        return store.get((namespace or "", name)) if store else None

    def get_by_uid(self, api_version: str, kind: str, uid: str) -> Object | None:
        """The object with that uid, or None."""
        store = self._stores.get((api_version, kind))
        key = store.by_uid.get(uid) if store else None
        return store.get(key) if store and key else None

    def sources_of(self, api_version: str, kind: str, namespace: str | None, name: str) -> frozenset[Source]:
        """The sources that cover an object; none where it is not here."""
        store = self._stores.get((api_version, kind))
        entry = store.entries.get((namespace or "", name)) if store else None
        return entry.sources if entry else frozenset()

    def keys_covered_by(self, source: Source) -> list[Key]:
        """The key of every object of one source."""
        return [key for key, entry in self._stores[source.of_kind].entries.items() if source in entry.sources]

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
        sets: list[frozenset[Key] | set[Key]] = []
        if owner_uid is not None:
            sets.append(store.by_owner.get(owner_uid))
        if node is not None:
            sets.append(store.by_node.get(node))
        sets += [store.by_label.get(label) for label in (labels or {}).items()]
        keys: Iterable[Key] = frozenset.intersection(*map(frozenset, sets)) if sets else store.entries
        found = (store.get(key) for key in sorted(keys) if namespace is None or key[0] == namespace)
        return [obj for obj in found if obj is not None]

    def sizes(self) -> dict[str, int]:
        """How many objects there are of each kind."""
        return {kind: len(store.entries) for (_, kind), store in self._stores.items()}
