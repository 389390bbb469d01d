#!/usr/bin/python
"""Says what there is to do for one object: the first task of every role of playvirt.

In: the object's kind and name. Out: the Plan of `module_utils/reconcile`, and which hook points an administrator has filled.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: reconcile_plan
short_description: Say what there is to do for an object
version_added: "0.1.0"
description:
  - Reads an object and what belongs to it, and returns the steps that the role of its kind has to take, in order, with their data.
  - Reads from the runner's cache where a runner of playvirt started the play, else from the API server. Changes nothing.
options:
  planner:
    description: Whose decision to ask for.
    type: str
    required: true
    choices: [virtualmachine, virtualmachineinstance, domain, kubevirt]
  namespace:
    description: Namespace of the object.
    type: str
    required: true
  name:
    description: Name of the object.
    type: str
    required: true
  hooks_directory:
    description:
      - Directory in which an administrator keeps task files named C(before_STEP.yml) and C(after_STEP.yml).
      - The role includes those that exist around the step of that name.
    type: path
extends_documentation_fragment: [playvirt.core.kubernetes]
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Look at what there is to do
  playvirt.core.reconcile_plan:
    planner: virtualmachineinstance
    namespace: default
    name: vmi1
  register: decision
"""

RETURN = r"""
plan:
  description: The decision.
  returned: always
  type: dict
  contains:
    steps:
      description: Data of each step to take, by name, in order.
      type: dict
    status:
      description: The status that the object should have afterwards, or null.
      type: dict
    requeue_after:
      description: Seconds after which to look again, or null.
      type: float
object:
  description: The object as it was read, or null where there is none.
  returned: always
  type: dict
hooks:
  description: Path of the task file for each hook point that is filled, by name.
  returned: always
  type: dict
"""

import datetime
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import kinds, metadata
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client, options, reader
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan, planners

_KINDS = {
    "virtualmachine": "VirtualMachine",
    "virtualmachineinstance": "VirtualMachineInstance",
    "domain": "VirtualMachineInstance",
    "kubevirt": "KubeVirt",
}

ARGUMENT_SPEC: dict[str, Any] = {
    "planner": {"type": "str", "required": True, "choices": list(_KINDS)},
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "hooks_directory": {"type": "path"},
    **options.ARGUMENT_SPEC,
}


def _hooks(directory: str | None, steps: tuple[str, ...]) -> dict[str, str]:
    """The hook files that exist, by the name of their hook point."""
    if not directory or not os.path.isdir(directory):
        return {}
    points = [f"{when}_{step}" for step in steps for when in ("before", "after")]
    paths = {point: os.path.join(directory, f"{point}.yml") for point in points}
    return {point: path for point, path in paths.items() if os.path.isfile(path)}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Read, decide, return; the same in check mode."""
    connection = client.connect(options.auth(params))
    planner = planners.PLANNERS[params["planner"]]
    obj = connection.get(
        kinds.KUBEVIRT, _KINDS[params["planner"]], namespace=params["namespace"], name=params["name"], cached=True
    )
    if obj is None:
        return {"changed": False, "plan": plan.Plan().to_dict(), "object": None, "hooks": {}}
    now = metadata.format_time(datetime.datetime.now(datetime.UTC))
    decision = planner.plan(obj, planner.observe(obj, reader.ClientReader(connection)), now)
    hooks = _hooks(params.get("hooks_directory"), planner.STEPS)
    return {"changed": False, "plan": decision.to_dict(), "object": obj, "hooks": hooks}


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
