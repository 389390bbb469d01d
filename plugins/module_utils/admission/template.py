"""The template of a VirtualMachine or VirtualMachineInstanceReplicaSet, judged as the instance that it will become.

In: the object. Out: causes under `spec.template` and warnings. Presets and defaults are applied to a copy first, so that the refusal comes when the
template is posted and not when the instance is made; nothing of them is stored in the template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    defaults,
    instance,
    presets,
    request,
    tree,
    updates,
)
from ansible_collections.playvirt.core.plugins.module_utils.admission import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import labels
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

FIELD, META_FIELD = "spec.template.spec", "spec.template.metadata"


def instance_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The instance that a template describes; a copy."""
    template = tree.section(obj, "spec", "template")
    return {
        "metadata": tree.copied(tree.section(template, "metadata")),
        "spec": tree.copied(tree.section(template, "spec")),
    }


def merged(obj: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> presets.Applied:
    """The instance of a template with its presets merged in."""
    return presets.apply(instance_of(obj), found, field=FIELD, meta_field=META_FIELD, in_place=True)


def judge(
    obj: Mapping[str, Any], found: Sequence[Mapping[str, Any]], settings: settings_types.Settings
) -> tuple[list[Cause], tuple[str, ...]]:
    """Causes and warnings of a template."""
    applied = merged(obj, found)
    if applied.causes:
        return list(applied.causes), applied.warnings
    vmi = applied.vmi
    defaults.complete_spec(vmi["spec"], settings)
    it = request.subject_of(vmi, settings, field=FIELD, meta_field=META_FIELD)
    return [*labels.reserved_at_creation(it), *instance.spec_causes(it)], applied.warnings


def introduced(asked: request.Request) -> tuple[list[Cause], tuple[str, ...]]:
    """Causes and warnings that a request about an object with a template brings in; none where the template stays as it is."""
    around, settings = asked.surroundings, asked.settings
    if asked.old is not None and _template(asked.obj) == _template(asked.old):
        return [], ()
    found, warnings = judge(asked.obj, around.presets, settings)
    if asked.old is None or not found:
        return found, warnings
    before, _ = judge(asked.old, around.presets, settings)
    return updates.introduced(found, asked.obj, before, asked.old), warnings


def _template(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    return tree.section(obj, "spec", "template")
