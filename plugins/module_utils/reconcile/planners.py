"""Every planner under the name by which watch lists and roles call it.

In: a name. Out: a Planner: `STEPS`, `FAILED`, `observe`, `plan`. What a role's report_failure.yml says of a step that failed, `FAILED` says where the
role could not, because its process ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import names
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import (
    domain,
    kubevirt,
    plan,
    reading,
    virtualmachine,
    virtualmachineinstance,
)


@dataclass(frozen=True)
class KindPlanner:
    """One kind's decisions, gathered from its file."""

    STEPS: tuple[str, ...]
    FAILED: Mapping[str, str]
    observe: Callable[[Mapping[str, Any], reading.Reader], dict[str, Any]]
    plan: Callable[[Mapping[str, Any], Mapping[str, Any], str], plan.Plan]


def _unsynchronized(reason: str) -> Mapping[str, str]:
    return {"type": names.SYNCHRONIZED, "status": "False", "reason": reason}


PLANNERS: Mapping[str, KindPlanner] = {
    "virtualmachine": KindPlanner(
        virtualmachine.STEPS,
        {"type": names.FAILURE, "status": "True", "reason": "FailedUpdateError"},
        virtualmachine.observe,
        virtualmachine.plan_virtualmachine,
    ),
    "virtualmachineinstance": KindPlanner(
        virtualmachineinstance.STEPS,
        _unsynchronized("FailedCreate"),
        virtualmachineinstance.observe,
        virtualmachineinstance.plan_virtualmachineinstance,
    ),
    "domain": KindPlanner(
        domain.STEPS,
        _unsynchronized("Synchronizing with the Domain failed."),
        domain.observe,
        domain.plan_domain,
    ),
    "kubevirt": KindPlanner(
        kubevirt.STEPS, _unsynchronized("DeploymentFailedError"), kubevirt.observe, kubevirt.plan_kubevirt
    ),
}
