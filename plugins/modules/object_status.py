#!/usr/bin/python
"""Writes an object's status, never over somebody else's change.

In: the object's name, fields and conditions. Out: the object. Used by the last task of each role.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: object_status
short_description: Write fields and conditions of an object's status
version_added: "0.1.0"
description:
  - Puts fields and conditions into an object's status and leaves the rest of it alone.
  - Every write carries the resourceVersion that was read; where the object changed meanwhile it is read again and the change made anew.
options:
  api_version:
    description: API version of the object.
    type: str
    default: kubevirt.io/v1
  kind:
    description: Kind of the object.
    type: str
    required: true
  namespace:
    description: Namespace of the object.
    type: str
    required: true
  name:
    description: Name of the object.
    type: str
    required: true
  status:
    description: Fields to set; one that is null is removed. Conditions in it are merged by type.
    type: dict
    default: {}
  conditions:
    description: Conditions to set, each with C(type), C(status), C(reason) and C(message); the time of the transition is kept by this module.
    type: list
    elements: dict
    default: []
extends_documentation_fragment: [playvirt.core.kubernetes]
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Tell that the instance could not be started
  playvirt.core.object_status:
    kind: VirtualMachineInstance
    namespace: default
    name: vmi1
    conditions:
      - type: Synchronized
        status: "False"
        reason: FailedCreate
        message: "Create the launcher pod: no node has enough memory"
"""

RETURN = r"""
object:
  description: The object afterwards, or null where it is gone.
  returned: always
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import conditions
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client, options, status_update

ARGUMENT_SPEC: dict[str, Any] = {
    "api_version": {"type": "str", "default": "kubevirt.io/v1"},
    "kind": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "status": {"type": "dict", "default": {}},
    "conditions": {"type": "list", "elements": "dict", "default": []},
    **options.ARGUMENT_SPEC,
}


def merged(
    present: Mapping[str, Any], fields: Mapping[str, Any], given: list[dict[str, Any]], *, now: str
) -> dict[str, Any]:
    """The status with the fields and conditions in it."""
    result = {**present, **{key: value for key, value in fields.items() if key != "conditions"}}
    told = [
        {key: value for key, value in condition.items() if key != "lastTransitionTime"}
        for condition in [*(fields.get("conditions") or []), *given]
    ]
    listed = conditions.put_all(present.get("conditions"), told, now=now)
    if listed:
        result["conditions"] = listed
    return {key: value for key, value in result.items() if value is not None}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Write; raises Conflict where the object changes faster than it can be written."""
    connection = client.connect(options.auth(params))
    where = {"namespace": params["namespace"], "name": params["name"]}
    return status_update.update(
        f"{params['kind']} '{params['namespace']}/{params['name']}'",
        read=lambda attempt: connection.get(params["api_version"], params["kind"], **where, cached=attempt == 0),
        wanted=lambda before, now: merged(before, params["status"], params["conditions"], now=now),
        write=lambda obj: connection.replace_status(obj, dry_run=check_mode),
    ).result("object")


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
