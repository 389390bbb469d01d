#!/usr/bin/python
"""Asks the runner to look at the object again after a while.

In: a time. Out: `period`, which the runner reads from the task's result; the play goes on to its end.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: requeue_after
short_description: Ask the runner to look at the object again after a while
version_added: "0.1.0"
description:
  - The object whose run executes this task gets another turn after the time, in place of its reconcile period.
  - The play goes on. Where several tasks ask, the shortest time counts. In a run for a deletion the finalizer stays until a run does not ask.
options:
  time:
    description: Hours, minutes, seconds or milliseconds, such as V(1h30m) or V(5s).
    type: str
    required: true
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Look again in half a minute
  operator_sdk.util.requeue_after:
    time: 30s
"""

RETURN = r"""
period:
  description: The time that was asked for.
  returned: success
  type: str
"""

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

ARGUMENT_SPEC: dict[str, Any] = {"time": {"type": "str", "required": True}}
_PERIOD = re.compile(r"(?:[0-9]+(?:ms|h|m|s))+")


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Check the time and hand it on; raises InvalidObject for what is none."""
    if not _PERIOD.fullmatch(params["time"]):
        raise errors.InvalidObject(
            f"time: '{params['time']}' is not a time; write it like 30s, 10m or 1h30m", field="time"
        )
    return {"changed": False, "period": params["time"]}


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
