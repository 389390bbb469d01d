"""What a decision is: a Plan, the only thing that the planners of this room return.

A planner looks at one object and what belongs to it, and says which steps its role has to take, how the object's status should read, and when to
look again. The runner acts on it without a play where no step is needed; the role acts on it, step by step, where there are some. Everything
in a Plan is plain data (JSON), because it travels into Ansible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """The steps to take, in order; the status to write; the time to look again.

    `steps` maps the name of a step (also the name of its task file in the role) to its data. `status` is the complete status that the object
    should have once the steps are done, or None where it is right already. `requeue_after` is in seconds, None for "only when something
    changes".
    """

    steps: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] | None = None
    requeue_after: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do now."""
        return not self.steps and self.status is None

    def to_dict(self) -> dict[str, Any]:
        """The plan as a role sees it: `{"steps": {...}, "status": {...} | None, "requeue_after": 1.0 | None}`."""
        return {"steps": dict(self.steps), "status": self.status, "requeue_after": self.requeue_after}


def steps_in_order(order: Sequence[str], steps: Mapping[str, Any]) -> dict[str, Any]:
    """The steps sorted into a role's order.

    Raises ValueError for a name that the role does not have: a planner must not ask for a step that nobody takes.
    """
    unknown = set(steps) - set(order)
    if unknown:
        raise ValueError(f"unknown steps {sorted(unknown)}; the role has {list(order)}")
    return {name: steps[name] for name in order if name in steps}
