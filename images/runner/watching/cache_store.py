"""The objects of one kind, packed: JSON text instead of dicts, the strings that many share kept once, indexes beside.

In: objects as dicts. Out: the same, decoded when they are asked for; the ones used last stay decoded. A dict of a 4 KiB object takes five times the
memory of its text, so a controller that holds every VM of a large cluster keeps text. Called by `cache.py`.
"""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str]  # namespace ("" for cluster-scoped), name
RECENT = 512
_NONE: frozenset[Any] = frozenset()


def version_of(obj: Mapping[str, Any]) -> int:
    """The resourceVersion as a number (Kubernetes orders them so since 1.35); 0 where it is none."""
    text = str(obj["metadata"].get("resourceVersion") or "")
    return int(text) if text.isdigit() else 0


def trim(obj: Object, drop: Iterable[tuple[str, ...]]) -> Object:
    """The object without managedFields and without what is at those paths; what is not dropped is shared with the argument."""
    for path in (("metadata", "managedFields"), *drop):
        obj = _without(obj, path)
    return obj


def _without(found: Object, path: tuple[str, ...]) -> Object:
    first, rest = path[0], path[1:]
    if first not in found:
        return found
    if not rest:
        return {name: value for name, value in found.items() if name != first}
    return {**found, first: _without(found[first], rest)} if isinstance(found[first], dict) else found


class Index:
    """Keys by a value; most values have a single key, which is kept without a set of its own."""

    def __init__(self) -> None:
        self._found: dict[Hashable, Key | set[Key]] = {}

    def add(self, value: Hashable, key: Key) -> None:
        """Note that the object with that key has that value."""
        known = self._found.setdefault(value, key)
        if isinstance(known, set):
            known.add(key)
        elif known != key:
            self._found[value] = {known, key}

    def discard(self, value: Hashable, key: Key) -> None:
        """It has it no more."""
        known = self._found.get(value)
        if isinstance(known, set):
            known.discard(key)
            if not known:
                del self._found[value]
        elif known == key:
            del self._found[value]

    def get(self, value: Hashable) -> frozenset[Key] | set[Key]:
        """The keys with that value."""
        known = self._found.get(value)
        if known is None:
            return _NONE
        return known if isinstance(known, set) else {known}

    def __len__(self) -> int:
        return len(self._found)


@dataclass(slots=True)
class Entry:
    """One object: its text, what is asked most often, and the sources that cover it."""

    packed: bytes
    version: int
    uid: str
    sources: frozenset[Any]


@dataclass
class Store:
    """The objects of one kind."""

    drop: frozenset[tuple[str, ...]] = frozenset()
    entries: dict[Key, Entry] = field(default_factory=dict)
    by_uid: dict[str, Key] = field(default_factory=dict)
    by_owner: Index = field(default_factory=Index)
    by_node: Index = field(default_factory=Index)
    by_label: Index = field(default_factory=Index)
    _recent: OrderedDict[Key, Object] = field(default_factory=OrderedDict)

    def put(self, key: Key, obj: Object, sources: frozenset[Any]) -> tuple[Object | None, Object]:
        """Store an object; returns what was there before and what is there now, without what is dropped."""
        obj = trim(obj, self.drop)
        old = self.get(key)
        if old is not None:
            self._unindex(key, old)
        else:
            key = (sys.intern(key[0]), key[1])
        uid = str(obj["metadata"].get("uid") or "")
        packed = json.dumps(obj, separators=(",", ":")).encode("ascii")
        self.entries[key] = Entry(packed, version_of(obj), uid, sources)
        self._remember(key, obj)
        self._index(key, uid, obj)
        return old, obj

    def remove(self, key: Key) -> Object | None:
        """Forget an object; returns it."""
        obj = self.get(key)
        if obj is not None:
            del self.entries[key]
            self._recent.pop(key, None)
            self._unindex(key, obj)
        return obj

    def get(self, key: Key) -> Object | None:
        """The object, or None."""
        obj = self._recent.get(key)
        if obj is not None:
            self._recent.move_to_end(key)
            return obj
        entry = self.entries.get(key)
        if entry is None:
            return None
        unpacked: Object = json.loads(entry.packed)
        self._remember(key, unpacked)
        return unpacked

    def _remember(self, key: Key, obj: Object) -> None:
        self._recent[key] = obj
        self._recent.move_to_end(key)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    def _places(self, obj: Object) -> Iterator[tuple[Index, Hashable]]:
        meta = obj["metadata"]
        for reference in meta.get("ownerReferences") or ():
            yield self.by_owner, reference["uid"]
        node = (obj.get("spec") or {}).get("nodeName") or (obj.get("status") or {}).get("nodeName")
        if node:
            yield self.by_node, sys.intern(node)
        for name, value in (meta.get("labels") or {}).items():
            yield self.by_label, (sys.intern(name), sys.intern(value))

    def _index(self, key: Key, uid: str, obj: Object) -> None:
        if uid:
            self.by_uid[uid] = key
        for index, value in self._places(obj):
            index.add(value, key)

    def _unindex(self, key: Key, obj: Object) -> None:
        uid = obj["metadata"].get("uid")
        if uid and self.by_uid.get(uid) == key:
            del self.by_uid[uid]
        for index, value in self._places(obj):
            index.discard(value, key)
