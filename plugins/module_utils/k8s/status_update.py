"""Changing an object's status, never over somebody else's change.

In: how the object is read and its status written, and a function from the status that is there to the wanted one. Out: an `Update`. Every write carries
the resourceVersion that was read; after a conflict the object is read again and the change made anew. Called by the modules that write a status.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, metadata

ATTEMPTS = 6
Object = dict[str, Any]


@dataclass(frozen=True)
class Update:
    """The object afterwards (None where there is none), and its status before and after."""

    obj: Object | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def result(self, name: str) -> dict[str, Any]:
        """A module's result, with the object under that name."""
        if self.before == self.after:
            return {"changed": False, name: self.obj}
        return {"changed": True, name: self.obj, "diff": {"before": self.before, "after": self.after}}


def update(
    what: str,
    *,
    read: Callable[[int], Object | None],
    wanted: Callable[[Mapping[str, Any], str], Mapping[str, Any]],
    write: Callable[[Object], Object],
) -> Update:
    """Write the status where it is not the wanted one.

    `read` gets the number of the attempt, from 0; `wanted` the status and the time (RFC 3339); `write` the object with the new status. Raises Conflict,
    which names `what`, where the object changes faster than it can be written.
    """
    for attempt in range(ATTEMPTS):
        found = read(attempt)
        if found is None:
            return Update(None, {}, {})
        before = found.get("status") or {}
        after = wanted(before, metadata.format_time(datetime.datetime.now(datetime.UTC)))
        if after == before:
            return Update(found, before, before)
        try:
            return Update(write({**found, "status": after}), before, after)
        except errors.Conflict:
            continue
    raise errors.Conflict(
        f"{what} changed {ATTEMPTS} times while its status was written", status=409, reason="Conflict"
    )
