"""Answers reads of plays from the cache where it is certain to hold the answer.

In: the kind, namespace, name and query of a read. Out: the object or list as the API server would send it, or None where the API server has to be asked:
for kinds that are not watched as a whole, for what the cache does not have, after a deletion until the cache has heard of it, and for queries that
are more than a label selector. Called by `proxy.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import cache, selectors

_QUERIES = frozenset({"labelSelector", "limit"})


class CachedReads:
    """`ready` gives the sources whose watches are established and in order."""

    def __init__(self, store: cache.Cache, ready: Callable[[], Iterable[cache.Source]]) -> None:
        self._cache = store
        self._ready = ready
        self._deleted: dict[tuple[cache.Kind, cache.Key], str] = {}

    def answer(
        self, kind: cache.Kind, *, namespace: str | None, name: str | None, query: Mapping[str, str]
    ) -> dict[str, Any] | None:
        """The answer, or None."""
        if not self._covers(kind, namespace):
            return None
        if name is None:
            return self._list(kind, namespace, query)
        if query:
            return None
        return None if self._is_doubtful(kind, (namespace or "", name)) else self._cache.get(*kind, namespace, name)

    def deleted(self, kind: cache.Kind, *, namespace: str | None, name: str | None) -> None:
        """A play deleted an object (no name: the collection): ask the API server until the cache has heard of it."""
        objects = self._cache.list(*kind, namespace=namespace)
        for obj in objects:
            if name in (None, obj["metadata"]["name"]):
                self._deleted[(kind, cache.key_of(obj))] = str(obj["metadata"].get("uid"))

    def _covers(self, kind: cache.Kind, namespace: str | None) -> bool:
        return self._cache.is_whole(*kind) and any(
            source.of_kind == kind and not source.is_selective and source.namespace in (None, namespace)
            for source in self._ready()
        )

    def _is_doubtful(self, kind: cache.Kind, key: cache.Key) -> bool:
        uid = self._deleted.get((kind, key))
        if uid is None:
            return False
        obj = self._cache.get(*kind, *key)
        if obj is not None and obj["metadata"].get("uid") == uid and "deletionTimestamp" not in obj["metadata"]:
            return True
        del self._deleted[(kind, key)]
        return False

    def _list(self, kind: cache.Kind, namespace: str | None, query: Mapping[str, str]) -> dict[str, Any] | None:
        if set(query) - _QUERIES or any(self._is_doubtful(*one) for one in list(self._deleted) if one[0] == kind):
            return None
        try:
            matches = selectors.Matcher(namespace=None, label_selector=query.get("labelSelector"), field_selector=None)
        except ValueError:
            return None
        items = [obj for obj in self._cache.list(*kind, namespace=namespace) if matches(obj)]
        return {"apiVersion": kind[0], "kind": f"{kind[1]}List", "metadata": {}, "items": items}
