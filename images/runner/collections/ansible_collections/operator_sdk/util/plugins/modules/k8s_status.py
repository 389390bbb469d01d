#!/usr/bin/python
"""Writes fields and conditions into the status of an object of any kind.

In: which object, `status` and `conditions`. Out: the object. Fields and conditions that are not named stay, unless `replace` is set.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_status
short_description: Write the status of a Kubernetes object
version_added: "0.1.0"
description:
  - Merges O(status) and O(conditions) into the status subresource of an object, and tries again where somebody else was faster.
options:
  api_version:
    description: apiVersion of the object.
    type: str
    default: v1
    aliases: [api, version]
  kind:
    description: Kind of the object.
    type: str
    required: true
  name:
    description: Name of the object.
    type: str
    required: true
  namespace:
    description: Namespace of the object; not for cluster-scoped kinds.
    type: str
  status:
    description: Fields to set. A mapping is merged into the one that is there, null removes a field.
    type: dict
  conditions:
    description:
      - Conditions to set; one of the same type is replaced, others stay.
      - C(lastTransitionTime) is set where it is not given, and moves only where the condition's status changes.
    type: list
    elements: dict
    suboptions:
      type:
        description: Type of the condition.
        type: str
        required: true
      status:
        description: What is known.
        type: str
        choices: ["True", "False", "Unknown"]
        required: true
      reason:
        description: One CamelCase word.
        type: str
      message:
        description: A sentence for people.
        type: str
      lastHeartbeatTime:
        description: RFC 3339 time.
        type: str
      lastTransitionTime:
        description: RFC 3339 time.
        type: str
      observedGeneration:
        description: The generation that the condition is about.
        type: int
  replace:
    description: Replace the whole status instead of merging.
    type: bool
    default: false
    aliases: [force]
extends_documentation_fragment: [playvirt.core.kubernetes]
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Tell how far it is
  operator_sdk.util.k8s_status:
    api_version: cache.example.com/v1
    kind: Memcached
    name: "{{ ansible_operator_meta.name }}"
    namespace: "{{ ansible_operator_meta.namespace }}"
    status:
      ready: 3
    conditions:
      - type: Available
        status: "True"
        reason: AllReady
"""

RETURN = r"""
result:
  description: The object afterwards.
  returned: success
  type: dict
"""

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, errors
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client, options, status_update

_CONDITION: dict[str, Any] = {
    "type": {"type": "str", "required": True},
    "status": {"type": "str", "required": True, "choices": ["True", "False", "Unknown"]},
    "reason": {"type": "str"},
    "message": {"type": "str"},
    "lastHeartbeatTime": {"type": "str"},
    "lastTransitionTime": {"type": "str"},
    "observedGeneration": {"type": "int"},
}
ARGUMENT_SPEC: dict[str, Any] = {
    "api_version": {"type": "str", "default": "v1", "aliases": ["api", "version"]},
    "kind": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str"},
    "status": {"type": "dict"},
    "conditions": {"type": "list", "elements": "dict", "options": _CONDITION},
    "replace": {"type": "bool", "default": False, "aliases": ["force"]},
    **options.ARGUMENT_SPEC,
}
CONSTRAINTS: dict[str, Any] = {"required_one_of": [["status", "conditions"]]}
_REASON = re.compile(r"[A-Za-z]*")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?([+-]\d\d:\d\d|Z)")


def merged(present: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch: mappings are merged at all depths, null removes, everything else replaces."""
    result = dict(present)
    for name, value in given.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def wanted(present: Mapping[str, Any], params: Mapping[str, Any], *, now: str) -> dict[str, Any]:
    """The status as the task wants it."""
    fields = dict(params["status"] or {})
    given = [*(fields.pop("conditions", None) or []), *checked(params["conditions"] or [])]
    result = merged({} if params["replace"] else present, fields)
    listed = conditions.put_all(present.get("conditions"), given, now=now, keep=not params["replace"])
    if listed:
        result["conditions"] = listed
    return result


def checked(given: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The conditions without what was not given, times with their T; raises InvalidObject for a reason or a time that Kubernetes would not take."""
    found = [{name: value for name, value in one.items() if value is not None} for one in given]
    for one in found:
        if not _REASON.fullmatch(one.get("reason", "")):
            raise errors.InvalidObject(
                f"conditions: type {one['type']}: reason '{one['reason']}' must be one CamelCase word",
                field="conditions.reason",
            )
        for name in ("lastHeartbeatTime", "lastTransitionTime"):
            if name in one and not _TIME.fullmatch(one[name]):
                raise errors.InvalidObject(
                    f"conditions: type {one['type']}: {name} '{one[name]}' must be an RFC 3339 time",
                    field=f"conditions.{name}",
                )
            if name in one:
                one[name] = one[name].replace(" ", "T")  # `date --rfc-3339` writes a space
    return found


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Write; raises NotFound where there is no such object, Conflict where it changes faster than it can be written."""
    if params["conditions"] and (params["status"] or {}).get("conditions"):
        raise errors.InvalidObject("conditions are given twice: in 'status' and in 'conditions'", field="conditions")
    connection = client.connect(options.auth(params))
    resource = connection.resource(params["api_version"], params["kind"])
    where = {"namespace": params["namespace"], "name": params["name"]}
    path = resource.path(**where, subresource="status")
    return status_update.update(
        f"{params['kind']} '{params['name']}'",
        read=lambda attempt: connection.request("GET", resource.path(**where)),
        wanted=lambda before, now: wanted(before, params, now=now),
        write=lambda obj: obj if check_mode else connection.request("PUT", path, obj),
    ).result("result")


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC, CONSTRAINTS)


if __name__ == "__main__":
    main()
