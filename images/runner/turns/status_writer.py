"""Writes the status of a watched object: reads what is there, changes it, tries again when somebody else was faster.

In: an object and a function from the present status to the wanted one. Out: the object as it is then. Called by `operator_turn.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from ..api import api_client
from ..watching import cache

ATTEMPTS = 6
Change = Callable[[Mapping[str, Any]], dict[str, Any]]


class StatusWriter:
    """See the file's docstring."""

    def __init__(self, client: api_client.APIClient, store: cache.Cache) -> None:
        self._client = client
        self._cache = store

    async def update(self, obj: cache.Object, change: Change) -> cache.Object | None:
        """The object with the changed status; None where it is gone, or is another object under the same name by now.

        Nothing is written where the change changes nothing. Raises Conflict where the object changes faster than it can be written,
        PermanentError where its kind has no status subresource.
        """
        uid = obj["metadata"].get("uid")
        current: cache.Object | None = self._cached(obj)
        for _ in range(ATTEMPTS):
            if current is None or current["metadata"].get("uid") != uid:
                return None
            before = current.get("status") or {}
            after = change(before)
            if after == before:
                return current
            try:
                written = await self._client.update({**current, "status": after}, subresource="status")
            except errors.Conflict:
                current = await self._newest(obj)
                continue
            except errors.NotFound as error:
                if await self._newest(obj) is None:
                    return None
                raise errors.PermanentError(
                    f"{obj['apiVersion']} {obj['kind']}: no status can be written: the kind has no status subresource; add"
                    " `subresources: {status: {}}` to its CustomResourceDefinition, or write 'manageStatus: false'"
                ) from error
            self._cache.written(written)
            return written
        name = obj["metadata"]["name"]
        raise errors.Conflict(
            f"{obj['kind']} {name}: changed {ATTEMPTS} times while its status was written",
            status=409,
            reason="Conflict",
        )

    def _cached(self, obj: cache.Object) -> cache.Object:
        meta = obj["metadata"]
        found = self._cache.get(obj["apiVersion"], obj["kind"], meta.get("namespace"), meta["name"])
        return found if found is not None and cache.version_of(found) >= cache.version_of(obj) else obj

    async def _newest(self, obj: cache.Object) -> cache.Object | None:
        meta = obj["metadata"]
        try:
            found = await self._client.get(
                obj["apiVersion"], obj["kind"], namespace=meta.get("namespace"), name=meta["name"]
            )
        except errors.NotFound:
            return None
        self._cache.written(found)
        return found
