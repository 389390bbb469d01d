"""Every planner under the name by which watch lists and roles call it.

In: a name. Out: a Planner: `STEPS`, `observe`, `plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
    observe: Callable[[Mapping[str, Any], reading.Reader], dict[str, Any]]
    plan: Callable[[Mapping[str, Any], Mapping[str, Any], str], plan.Plan]


PLANNERS: Mapping[str, KindPlanner] = {
    "virtualmachine": KindPlanner(virtualmachine.STEPS, virtualmachine.observe, virtualmachine.plan_virtualmachine),
    "virtualmachineinstance": KindPlanner(
        virtualmachineinstance.STEPS,
        virtualmachineinstance.observe,
        virtualmachineinstance.plan_virtualmachineinstance,
    ),
    "domain": KindPlanner(domain.STEPS, domain.observe, domain.plan_domain),
    "kubevirt": KindPlanner(kubevirt.STEPS, kubevirt.observe, kubevirt.plan_kubevirt),
}
