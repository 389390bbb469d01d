#!/usr/bin/python
"""Records a Kubernetes Event about an object.

In: the object, a type, a reason, a message. Out: the Event. A step tells with it what it did.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: event
short_description: Record a Kubernetes Event about an object
version_added: "0.1.0"
description:
  - Creates an Event that C(kubectl describe) shows below the object.
options:
  object:
    description: The object; its C(apiVersion), C(kind) and C(metadata) are used.
    type: dict
    required: true
  type:
    description: Whether all is well.
    type: str
    choices: [Normal, Warning]
    default: Normal
  reason:
    description: One word for programs.
    type: str
    required: true
  message:
    description: A sentence for people.
    type: str
    required: true
  component:
    description: Who tells.
    type: str
    default: playvirt
extends_documentation_fragment: [playvirt.core.kubernetes]
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Tell that the pod was created
  playvirt.core.event:
    object: "{{ decision.object }}"
    reason: SuccessfulCreate
    message: "Created virtual machine pod {{ decision.plan.steps.create_pod.pod.metadata.name }}"
"""

RETURN = r"""
event:
  description: The Event, or null in check mode.
  returned: always
  type: dict
"""

import datetime
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import events, metadata
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client, options

ARGUMENT_SPEC: dict[str, Any] = {
    "object": {"type": "dict", "required": True},
    "type": {"type": "str", "choices": ["Normal", "Warning"], "default": "Normal"},
    "reason": {"type": "str", "required": True},
    "message": {"type": "str", "required": True},
    "component": {"type": "str", "default": "playvirt"},
    **options.ARGUMENT_SPEC,
}


def render_event(params: Mapping[str, Any], *, now: datetime.datetime, host: str) -> dict[str, Any]:
    """The Event's manifest; its name is unique by the time in it."""
    obj = params["object"]
    meta = metadata.meta(obj)
    event = events.render(
        {"name": events.unique_name(meta["name"], now), "namespace": meta["namespace"]},
        {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
            "resourceVersion": meta.get("resourceVersion", ""),
        },
        severity=params["type"],
        reason=params["reason"],
        message=params["message"],
        now=now,
    )
    return {**event, "source": {"component": params["component"], "host": host}}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Record the Event; check mode records none."""
    if check_mode:
        return {"changed": False, "event": None}
    now, host = datetime.datetime.now(datetime.UTC), os.environ.get("NODE_NAME", "")
    made = client.connect(options.auth(params)).create(render_event(params, now=now, host=host))
    return {"changed": False, "event": made}


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
