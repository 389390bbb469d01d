"""What a turn does for an object without a planner: run, run for the deletion, or nothing; and the finalizer on the object.

In: the watch and the object. Out: a `Course`, pure; `FinalizerWriter` adds and removes the finalizer. Called by `operator_turn.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from ..api import api_client
from ..settings import watches
from ..watching import cache

ATTEMPTS = 6


class Course(enum.Enum):
    """What follows from the finalizers and the deletion of an object."""

    RUN = enum.auto()
    ADD_FINALIZER = enum.auto()  # then run
    FINALIZE = enum.auto()  # run what is for deletions, then remove the finalizer
    SKIP = enum.auto()


def course(watch: watches.Watch, obj: Mapping[str, Any]) -> Course:
    """The course of an object's turn.

    An object that is being deleted and does not carry our finalizer gets no run, unless the watch says `onDelete: run`.
    """
    ours = watch.finalizer is not None and has_finalizer(obj, watch.finalizer.name)
    if "deletionTimestamp" in obj["metadata"]:
        if ours:
            return Course.FINALIZE
        return Course.RUN if watch.runs_on_delete else Course.SKIP
    return Course.RUN if ours or watch.finalizer is None else Course.ADD_FINALIZER


def has_finalizer(obj: Mapping[str, Any], name: str) -> bool:
    """Whether the object carries the finalizer."""
    return name in (obj["metadata"].get("finalizers") or ())


class FinalizerWriter:
    """Adds and removes a finalizer; never touches those of others."""

    def __init__(self, client: api_client.APIClient, store: cache.Cache) -> None:
        self._client = client
        self._cache = store

    async def add(self, obj: cache.Object, name: str) -> cache.Object | None:
        """The object with the finalizer; None where it is gone or being deleted by now. Raises Conflict as `remove`."""
        return await self._write(obj, name, wanted=True)

    async def remove(self, obj: cache.Object, name: str) -> cache.Object | None:
        """The object without the finalizer; None where it is gone, which it mostly is then.

        Raises Conflict where the object changes faster than it can be written.
        """
        return await self._write(obj, name, wanted=False)

    async def _write(self, obj: cache.Object, name: str, *, wanted: bool) -> cache.Object | None:
        current, uid = obj, obj["metadata"].get("uid")
        for _ in range(ATTEMPTS):
            meta = current["metadata"]
            if meta.get("uid") != uid or (wanted and "deletionTimestamp" in meta):
                return None
            if has_finalizer(current, name) == wanted:
                return current
            others = [one for one in meta.get("finalizers") or () if one != name]
            # The resourceVersion makes the API server refuse it where somebody else changed the list meanwhile.
            patch = {
                "metadata": {
                    "resourceVersion": meta["resourceVersion"],
                    "finalizers": [*others, name] if wanted else others,
                }
            }
            try:
                written = await self._client.patch(current, patch)
            except errors.NotFound:
                return None
            except errors.Conflict:
                try:
                    current = await self._client.get(
                        obj["apiVersion"], obj["kind"], namespace=meta.get("namespace"), name=meta["name"]
                    )
                except errors.NotFound:
                    return None
                continue
            self._cache.written(written)
            return written
        raise errors.Conflict(
            f"{obj['kind']} {obj['metadata']['name']}: changed {ATTEMPTS} times while its finalizers were written",
            status=409,
            reason="Conflict",
        )
