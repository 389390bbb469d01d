"""Validation of a VirtualMachineInstanceMigration: the instance has to be there, can be moved, and is not being moved already.

In: a Request with the instance and its migrations around it. Out: a Verdict; what is wrong with the instance is about no field of the
migration, so it is an error and no cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import request, tree
from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, names
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, REQUIRED, Cause

SELECTOR_LABEL = "kubevirt.io/vmi-name"


def is_final(migration: Mapping[str, Any]) -> bool:
    """Whether the migration has ended, one way or the other."""
    return tree.section(migration, "status").get("phase") in names.FINAL_PHASES


def instance_name(migration: Mapping[str, Any]) -> str:
    """The name of the instance that is to move."""
    return tree.text(tree.section(migration, "spec"), "vmiName")


def _problem(migration: Mapping[str, Any], around: request.Surroundings) -> str:
    """What speaks against moving the instance now."""
    meta, name = tree.section(migration, "metadata"), instance_name(migration)
    if around.vmi is None:
        return f'the VMI "{tree.text(meta, "namespace")}/{name}" does not exist'
    status = tree.section(around.vmi, "status")
    if status.get("phase") in names.FINAL_PHASES:
        return "Cannot migrate VMI in finalized state."
    movable = conditions.get(tree.entries(status, "conditions"), "LiveMigratable")
    if movable is not None and movable.get("status") == "False":
        reason, message = movable.get("reason", ""), movable.get("message", "")
        return f"Cannot migrate VMI, Reason: {reason}, Message: {message}"
    for other in around.migrations:
        if instance_name(other) == name and not is_final(other):
            running = tree.text(tree.section(other, "metadata"), "name")
            return (
                f"in-flight migration detected. Active migration job ({running}) is currently already in progress for"
                f" VMI {name}."
            )
    return ""


def _changes(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[Cause]:
    if tree.section(new, "spec") != tree.section(old, "spec"):
        yield Cause("spec", "update of Migration object's spec is restricted", NOT_SUPPORTED)
    before, after = (tree.section(obj, "metadata", "labels").get(SELECTOR_LABEL) for obj in (old, new))
    if before is not None and before != after and not is_final(old):
        what = "removed from" if after is None else "modified on"
        yield Cause("metadata.labels", f"selector label can't be {what} an in-flight migration", NOT_SUPPORTED)


def validate(asked: request.Request) -> request.Verdict:
    """The verdict."""
    if asked.old is not None:
        return request.Verdict(causes=tuple(_changes(asked.obj, asked.old)))
    spec = tree.section(asked.obj, "spec")
    if not instance_name(asked.obj):
        return request.Verdict(causes=(Cause("spec.vmiName", "vmiName is missing", REQUIRED),))
    if tree.has(spec, "priority") and not asked.own_account:
        problem = "Migration priority queue, only virt-controller is allowed to set priority field"
        return request.Verdict(causes=(Cause("spec.priority", problem),))
    return request.Verdict(error=_problem(asked.obj, asked.surroundings) if asked.surroundings.is_known else "")
