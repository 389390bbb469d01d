#!/usr/bin/python
"""Keeps a Prometheus metric of the operator's own at the runner.

In: its name, description and one of four kinds of change. Out: nothing; the metric is on the runner's /metrics, or at the server that `address` names.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: osdk_metric
short_description: Create or change a Prometheus metric of the runner
version_added: "0.1.0"
description:
  - Tells the runner that started the play to create a metric, or to change the one of that name.
options:
  name:
    description: Name of the metric.
    type: str
    required: true
  description:
    description: Its help text.
    type: str
    required: true
  address:
    description: URL of another server that takes metrics in the same form. That of ansible-operator is the runner itself.
    type: str
    default: http://localhost:5050/metrics
  counter:
    description: A number that only grows.
    type: dict
    suboptions:
      increment: {description: Add one., type: bool}
      add: {description: Add so much., type: float}
  gauge:
    description: A number that goes up and down.
    type: dict
    suboptions:
      set: {description: The value., type: float}
      increment: {description: Add one., type: bool}
      decrement: {description: Take one away., type: bool}
      set_to_current_time: {description: The seconds since 1970., type: bool}
      add: {description: Add so much., type: float}
      subtract: {description: Take so much away., type: float}
  histogram:
    description: A distribution in buckets.
    type: dict
    suboptions:
      observe: {description: One value., type: float}
  summary:
    description: A sum and a count.
    type: dict
    suboptions:
      observe: {description: One value., type: float}
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Count the backups
  operator_sdk.util.osdk_metric:
    name: backups_total
    description: Backups that were made
    counter:
      increment: true
"""

RETURN = r"""# """

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.k8s import gateway

RUNNER = "http://localhost:5050/metrics"
SECONDS = 30.0
_FLAG, _NUMBER = {"type": "bool"}, {"type": "float"}
_OBSERVE: dict[str, Any] = {"type": "dict", "options": {"observe": _NUMBER}}
_GAUGE = {
    "set": _NUMBER,
    "increment": _FLAG,
    "decrement": _FLAG,
    "set_to_current_time": _FLAG,
    "add": _NUMBER,
    "subtract": _NUMBER,
}
ARGUMENT_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str", "required": True},
    "address": {"type": "str", "default": RUNNER},
    "counter": {"type": "dict", "options": {"increment": _FLAG, "add": _NUMBER}},
    "gauge": {"type": "dict", "options": _GAUGE},
    "histogram": _OBSERVE,
    "summary": _OBSERVE,
}
_KINDS = ["counter", "gauge", "histogram", "summary"]
CONSTRAINTS: dict[str, Any] = {"mutually_exclusive": [_KINDS], "required_one_of": [_KINDS]}


def _tell(address: str, told: Mapping[str, Any]) -> tuple[int, str]:
    """Status and reason of who was told."""
    if address == RUNNER:
        status, answer = gateway.request("POST", "/metrics", told)
        return status, str((answer or {}).get("message"))
    if not address.startswith(("http://", "https://")):
        raise errors.InvalidObject(f"address: '{address}' is not a URL such as {RUNNER}", field="address")
    body, headers = json.dumps(told).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(address, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as taken:
            return int(taken.status), ""
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace").strip()
    except OSError as error:
        raise errors.TransientError(f"{address}: {error}") from error


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Tell it; raises TransientError where nobody listens, InvalidObject for what is refused."""
    told = {
        name: {key: one for key, one in value.items() if one is not None} if isinstance(value, Mapping) else value
        for name, value in params.items()
        if value is not None and name != "address"
    }
    if not check_mode:
        status, reason = _tell(params["address"], told)
        if status >= 400:
            raise errors.InvalidObject(f"metric {params['name']}: {reason}", field="name")
    return {"changed": False, **told}


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC, CONSTRAINTS)


if __name__ == "__main__":
    main()
