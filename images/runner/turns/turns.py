"""What a turn of the reconciler is about and how it ends.

In: a watch, an object, an item of the queue. Out: `Outcome`. Pure. Called by `reconciler.py` and the two kinds of turns, `planned_turn.py` and
`operator_turn.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..settings import watches
from ..telemetry import log
from ..watching import cache
from . import triggers, workqueue

Item = workqueue.Item[triggers.ObjectKey]


@dataclass(frozen=True)
class Outcome:
    """How a turn ended: unchanged, waiting, status, conflict, succeeded, failed, cancelled or gone; and when to look again.

    `requeue_after` is what the plan or the role asked for, `period` what the reconcile period says; in seconds, the first one wins.
    """

    result: str
    requeue_after: float | None = None
    period: float | None = None


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One object's turn: its watch, the object as the cache has it, the item of the queue."""

    watch: watches.Watch
    obj: cache.Object
    item: Item

    def fields(self, **more: Any) -> dict[str, Any]:
        """The `extra` of a line of the log about this turn."""
        return fields(self.watch, self.item, **more)


def fields(watch: watches.Watch, item: Item, **more: Any) -> dict[str, Any]:
    """The `extra` of a line of the log about an item."""
    key = item.key
    name = f"{key.namespace}/{key.name}" if key.namespace else key.name
    return log.fields(kind=watch.kind, object=name, reasons=sorted(item.reasons), **more)
