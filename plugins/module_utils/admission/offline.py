"""Judging an object without a cluster, as virt-api would: schema, presets and defaults, rules, what playvirt does not act on, site rules.

In: an object as a file has it, the presets and the KubeVirt that go with it, names of site rules. Out: a Verdict. What only a cluster knows (whether
the instance of a migration runs) is not asked. Called by module validate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    judge,
    mutate,
    request,
    review,
    site_rules,
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


def _site_causes(names: Sequence[str], obj: Mapping[str, Any]) -> Iterator[Cause]:
    """The causes of site rules, asked in this process; one that does not work is a cause of its own."""
    for name in names if site_rules.is_asked(tree.text(obj, "kind"), obj, None) else ():
        try:
            yield from site_rules.run(name, site_rules.load(name), obj, None)
        except site_rules.SiteRuleError as error:
            yield site_rules.broken(error)


def check(
    obj: Mapping[str, Any],
    presets: Sequence[Mapping[str, Any]],
    settings: settings_types.Settings,
    rules: Sequence[str] = (),
) -> request.Verdict:
    """The verdict; causes name the fields of the version that the object is written in. `rules` are site rules, asked where nothing else is wrong."""
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
    causes = verdict.causes if not verdict.is_allowed else tuple(_site_causes(rules, mutated.obj))
    return versions.as_posted(replace(verdict, causes=causes, warnings=warnings), obj)
