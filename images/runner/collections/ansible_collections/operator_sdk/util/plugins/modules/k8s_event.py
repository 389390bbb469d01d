#!/usr/bin/python
"""Creates, counts up or removes a Kubernetes Event.

In: its name, words and object. Out: the Event.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_event
short_description: Create a Kubernetes Event
version_added: "0.1.0"
description:
  - Creates an Event. Where one of the name is there with the same reason, its count goes up.
options:
  state:
    description: Whether the Event is to be there.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the Event.
    type: str
    required: true
  namespace:
    description: Namespace of the Event.
    type: str
    required: true
  merge_type:
    description: Accepted for roles that set it; the Event is always merged.
    type: list
    elements: str
    choices: [json, merge, strategic-merge]
  message:
    description: A sentence for people.
    type: str
    required: true
  reason:
    description: One word for programs.
    type: str
    required: true
  reportingComponent:
    description: Who tells.
    type: str
  type:
    description: Whether all is well.
    type: str
    choices: [Normal, Warning]
  source:
    description: Who tells, with the key C(component).
    type: dict
  involvedObject:
    description: The object that it is about, with C(apiVersion), C(kind), C(name), C(namespace).
    type: dict
  appendTimestamp:
    description: Add the time to the name, for an Event of its own each time.
    type: bool
    default: false
extends_documentation_fragment: [playvirt.core.kubernetes]
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Tell that the backup is done
  operator_sdk.util.k8s_event:
    name: "{{ ansible_operator_meta.name }}-backup"
    namespace: "{{ ansible_operator_meta.namespace }}"
    reason: BackedUp
    message: The backup is done
    type: Normal
"""

RETURN = r"""
result:
  description: The Event, empty where it is absent.
  returned: success
  type: dict
"""

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, events
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client, options

ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "required": True},
    "merge_type": {"type": "list", "elements": "str", "choices": ["json", "merge", "strategic-merge"]},
    "message": {"type": "str", "required": True},
    "reason": {"type": "str", "required": True},
    "reportingComponent": {"type": "str"},
    "type": {"type": "str", "choices": ["Normal", "Warning"]},
    "source": {"type": "dict"},
    "involvedObject": {"type": "dict"},
    "appendTimestamp": {"type": "bool", "default": False},
    **options.ARGUMENT_SPEC,
}


def render(params: Mapping[str, Any], involved: Mapping[str, Any], *, now: datetime.datetime) -> dict[str, Any]:
    """The Event as it is when it happens for the first time."""
    name = events.unique_name(params["name"], now) if params["appendTimestamp"] else params["name"]
    event = events.render(
        {"name": name, "namespace": params["namespace"]},
        {"namespace": params["namespace"], **involved},
        severity=params["type"] or "Normal",
        reason=params["reason"],
        message=params["message"],
        now=now,
    )
    given = {name: params[name] for name in ("reportingComponent", "source") if params[name]}
    return {**event, **given}


def _involved(connection: client.Client, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The object with its uid and resourceVersion, where it is there."""
    found = dict(given or {})
    if not all(found.get(name) for name in ("apiVersion", "kind", "name")):
        return found
    try:
        resource = connection.resource(found["apiVersion"], found["kind"])
        meta = connection.request("GET", resource.path(namespace=found.get("namespace"), name=found["name"]))[
            "metadata"
        ]
    except errors.NotFound:
        return found
    return {**found, "uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Create it, count it up, or remove it."""
    connection = client.connect(options.auth(params))
    path = f"/api/v1/namespaces/{params['namespace']}/events"
    now = datetime.datetime.now(datetime.UTC)
    try:
        present: dict[str, Any] | None = connection.request("GET", f"{path}/{params['name']}")
    except errors.NotFound:
        present = None
    if params["state"] == "absent":
        if present is not None and not check_mode:
            connection.request("DELETE", f"{path}/{params['name']}")
        return {"changed": present is not None, "result": {}}
    event = render(params, _involved(connection, params["involvedObject"]), now=now)
    if check_mode:
        return {"changed": True, "result": event}
    if present is None or params["appendTimestamp"]:
        return {"changed": True, "result": connection.request("POST", path, event)}
    again = {name: event[name] for name in ("message", "reason", "type", "lastTimestamp")}
    if present.get("reason") == event["reason"]:
        again["count"] = int(present.get("count") or 1) + 1
    else:
        again.update(count=1, firstTimestamp=event["firstTimestamp"])
    return {"changed": True, "result": connection.request("PATCH", f"{path}/{params['name']}", again)}


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
