#!/usr/bin/python
"""One object of the cluster, there or not: what a step does towards the API server.

In: the object's manifest, or its name and a patch. Out: the object. Works through the runner's gateway or the `kubernetes` package alike.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_object
short_description: Create, apply, patch or delete one object of the cluster
version_added: "0.1.0"
description:
  - Makes one object of a kind that playvirt handles be there, be as the manifest says, or be gone.
  - With check mode the API server is asked with a dry run, so that what it would refuse is refused.
options:
  state:
    description:
      - V(present) creates the object where there is none of its name and leaves it alone otherwise.
      - V(applied) makes it as the manifest says by server-side apply.
      - V(patched) merges O(patch) into the object, which has to be there.
      - V(absent) requests its deletion.
    type: str
    choices: [present, applied, patched, absent]
    default: present
  definition:
    description: The manifest; for V(patched) and V(absent) its C(apiVersion), C(kind), C(metadata.name) and C(metadata.namespace) are enough.
    type: dict
    required: true
  patch:
    description: A merge patch for state V(patched).
    type: dict
  finalizer:
    description: A finalizer to add or remove (see O(finalizer_state)) with state V(patched), leaving others alone.
    type: str
  finalizer_state:
    description: Whether the finalizer should be there.
    type: str
    choices: [present, absent]
    default: present
  uid:
    description: With V(absent), delete only the object that has this uid.
    type: str
  owned_by:
    description:
      - With V(present), the uid that has to control an object of that name which exists already; otherwise the task fails.
    type: str
extends_documentation_fragment: [playvirt.core.kubernetes]
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Create a pod once
  playvirt.core.cluster_object:
    definition: "{{ pod }}"

- name: Put a label on an instance
  playvirt.core.cluster_object:
    state: patched
    definition:
      apiVersion: kubevirt.io/v1
      kind: VirtualMachineInstance
      metadata:
        name: vmi1
        namespace: default
    patch:
      metadata:
        labels:
          example.org/tier: web
"""

RETURN = r"""
object:
  description: The object afterwards, or null.
  returned: always
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, metadata
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client, differences, options

ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "applied", "patched", "absent"], "default": "present"},
    "definition": {"type": "dict", "required": True},
    "patch": {"type": "dict"},
    "finalizer": {"type": "str"},
    "finalizer_state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "uid": {"type": "str"},
    "owned_by": {"type": "str"},
    **options.ARGUMENT_SPEC,
}
CONSTRAINTS: dict[str, Any] = {"required_if": [("state", "patched", ("patch", "finalizer"), True)]}


def _name(definition: Mapping[str, Any]) -> str:
    meta = metadata.meta(definition)
    return f"{definition.get('kind')} '{meta.get('namespace', '')}/{meta.get('name')}'"


def _checked(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    for field in ("apiVersion", "kind"):
        if not definition.get(field):
            raise errors.InvalidObject(
                f"definition.{field} is missing; an object needs it", field=f"definition.{field}"
            )
    if not metadata.meta(definition).get("name"):
        raise errors.InvalidObject(
            "definition.metadata.name is missing; an object needs it", field="definition.metadata.name"
        )
    return definition


def _read(connection: client.Client, definition: Mapping[str, Any]) -> dict[str, Any] | None:
    meta = metadata.meta(definition)
    return connection.get(
        definition["apiVersion"], definition["kind"], namespace=meta.get("namespace"), name=meta["name"]
    )


def _present(connection: client.Client, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    definition = params["definition"]
    try:
        created = connection.create(definition, dry_run=check_mode)
    except errors.AlreadyExists:
        found = _read(connection, definition)
        owner = metadata.controller_of(found or {}) or {}
        if params.get("owned_by") and owner.get("uid") != params["owned_by"]:
            raise errors.PermanentError(
                f"{_name(definition)} exists and belongs to somebody else; delete or rename it, then this is tried again"
            ) from None
        return {"changed": False, "object": found}
    return {"changed": True, "object": created, "diff": differences.between(None, created)}


def _applied(connection: client.Client, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    definition = params["definition"]
    before = _read(connection, definition)
    after = connection.apply(definition, dry_run=check_mode)
    diff = differences.between(before, after)
    return {"changed": diff["before"] != diff["after"], "object": after, "diff": diff}


def _finalizers(params: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that adds or removes the finalizer; guarded by the resourceVersion, since a list is replaced as a whole."""
    meta, finalizer = metadata.meta(found), params["finalizer"]
    kept = [name for name in meta.get("finalizers") or [] if name != finalizer]
    wanted = [*kept, finalizer] if params["finalizer_state"] == "present" else kept
    if wanted == (meta.get("finalizers") or []):
        return {}
    return {"metadata": {"finalizers": wanted, "resourceVersion": meta["resourceVersion"]}}


def _patched(connection: client.Client, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    definition = params["definition"]
    found = _read(connection, definition)
    if found is None:
        if params.get("finalizer") and params["finalizer_state"] == "absent":
            return {"changed": False, "object": None}
        raise errors.NotReady(f"{_name(definition)} does not exist; create it before it is patched")
    patch = dict(params["patch"] or {})
    if params.get("finalizer"):
        patch = {**patch, **_finalizers(params, found)}
    if not patch or differences.contains(found, patch):
        return {"changed": False, "object": found}
    after = connection.patch(definition, patch, dry_run=check_mode)
    return {"changed": True, "object": after, "diff": differences.between(found, after)}


def _absent(connection: client.Client, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    definition = params["definition"]
    found = _read(connection, definition)
    if found is None or (params.get("uid") and metadata.meta(found).get("uid") != params["uid"]):
        return {"changed": False, "object": None}
    if metadata.is_deleting(found):
        return {"changed": False, "object": found}
    answer = connection.delete(definition, uid=metadata.meta(found)["uid"], dry_run=check_mode)
    return {"changed": True, "object": answer, "diff": differences.between(found, None)}


_STATES = {"present": _present, "applied": _applied, "patched": _patched, "absent": _absent}


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Bring the object into the state; raises the API server's refusal."""
    _checked(params["definition"])
    return _STATES[params["state"]](client.connect(options.auth(params)), params, check_mode=check_mode)


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC, CONSTRAINTS)


if __name__ == "__main__":
    main()
