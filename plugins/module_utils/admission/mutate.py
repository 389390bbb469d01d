"""What the mutating webhook makes of an object that is posted: presets and defaults of an instance, a machine's identity, a migration's label and finalizer.

In: kind and Request, a source of UUIDs. Out: a Mutation with the new object; the caller takes the difference. Defaults are fields that playvirt acts on: one
that it did not act on would be refused like the field itself (api/support.py); a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    defaults,
    kube_names,
    presets,
    request,
    template,
    tree,
    validate_virtualmachineinstancemigration,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """The object as it should be stored, warnings, and causes to refuse it at once."""

    obj: dict[str, Any]
    warnings: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()


def _instance(asked: request.Request, new_uuid: defaults.NewUUID) -> Mutation:
    applied = presets.apply(asked.obj, asked.surroundings.presets)
    if applied.causes:
        return Mutation(obj=tree.copied(asked.obj), causes=applied.causes)
    defaults.complete_instance(applied.vmi, asked.settings, new_uuid)
    return Mutation(obj=applied.vmi, warnings=applied.warnings)


def _machine(asked: request.Request, new_uuid: defaults.NewUUID) -> Mutation:
    """A machine that is made gets what has to stay the same; one that is changed keeps it."""
    vm = tree.copied(asked.obj)
    if tree.is_object(tree.section(vm, "spec", "template").get("spec")):
        merged = template.merged(asked.obj, asked.surroundings.presets).vmi
        if asked.old is None:
            defaults.complete_machine(vm, merged, asked.settings, new_uuid)
        else:
            defaults.keep_machine(vm, asked.old, merged)
    return Mutation(obj=vm)


def _migration(asked: request.Request, new_uuid: defaults.NewUUID) -> Mutation:
    """The finalizer, and the label by which an instance's migrations are found; a name that is no label's value cannot be one."""
    migration = tree.copied(asked.obj)
    defaults.add_finalizer(migration, names.MIGRATION_FINALIZER)
    name = validate_virtualmachineinstancemigration.instance_name(migration)
    if name and not kube_names.label_value(name):
        labels = defaults.child(defaults.child(migration, "metadata"), "labels")
        labels[validate_virtualmachineinstancemigration.SELECTOR_LABEL] = name
    return Mutation(obj=migration)


_Mutate = Callable[[request.Request, defaults.NewUUID], Mutation]
MUTATED: Mapping[str, _Mutate] = {
    "VirtualMachine": _machine,
    "VirtualMachineInstance": _instance,
    "VirtualMachineInstanceMigration": _migration,
}


#: the kinds that are changed not only when they are made
MUTATED_ON_UPDATE = ("VirtualMachine",)


def mutate(kind: str, asked: request.Request, new_uuid: defaults.NewUUID) -> Mutation:
    """The object as it should be stored; as it is where nothing is to be done."""
    change = MUTATED.get(kind)
    is_late = asked.is_update and (kind not in MUTATED_ON_UPDATE or metadata.is_deleting(asked.obj))
    if change is None or is_late:
        return Mutation(obj=tree.copied(asked.obj))
    return change(asked, new_uuid)
