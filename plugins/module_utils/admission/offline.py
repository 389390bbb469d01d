"""Judging an object without a cluster, as virt-api would: schema, presets and defaults, rules, what playvirt does not act on.

In: an object as a file has it, the presets and the KubeVirt that go with it. Out: a Verdict. What only a cluster knows (whether the instance of a
migration runs) is not asked. Called by module validate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    judge,
    mutate,
    request,
    review,
    tree,
    versions,
)
from ansible_collections.playvirt.core.plugins.module_utils.admission import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, schema_check
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

#: any will do: nothing is stored
_UUID = "00000000-0000-4000-8000-000000000000"
_GROUPS = ("kubevirt.io", "migrations.kubevirt.io")


def is_ours(obj: Any) -> bool:
    """Whether an object is of a kind that playvirt judges; others stand in the same files."""
    group = str(obj.get("apiVersion")).partition("/")[0] if isinstance(obj, Mapping) else ""
    return group in _GROUPS or group.endswith(".kubevirt.io")


def _namespace(obj: Mapping[str, Any]) -> str:
    return tree.text(tree.section(obj, "metadata"), "namespace")


def check(
    obj: Mapping[str, Any], presets: Sequence[Mapping[str, Any]], settings: settings_types.Settings
) -> request.Verdict:
    """The verdict; causes name the fields of the version that the object is written in."""
    try:
        review.check_depth(dict(obj))
    except review.MalformedReview as error:
        return request.Verdict(error=str(error))
    if found := schema_check.check_object(obj):
        return request.Verdict(causes=tuple(found))
    try:
        modern = versions.modern(obj)
    except errors.InvalidObject as error:
        return request.Verdict(causes=(Cause(error.field, str(error)),))
    around = request.Surroundings(
        presets=[preset for preset in presets if _namespace(preset) == _namespace(obj)], is_known=False
    )
    asked = request.Request(obj=modern, settings=settings, surroundings=around)
    kind = tree.text(obj, "kind")
    mutated = mutate.mutate(kind, asked, lambda: _UUID)
    if mutated.causes:
        return request.Verdict(causes=mutated.causes, warnings=mutated.warnings)
    verdict = judge.judge(kind, replace(asked, obj=mutated.obj))
    warnings = tuple(dict.fromkeys((*mutated.warnings, *verdict.warnings)))
    return versions.as_posted(replace(verdict, warnings=warnings), obj)
