"""Validation of a VirtualMachineInstancePreset: a domain, as far as a part of one can be judged, and a selector.

In: a Request. Out: a Verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    instance,
    kube_names,
    presets,
    request,
    tree,
    updates,
)
from ansible_collections.playvirt.core.plugins.module_utils.admission import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import affinity
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import REQUIRED, Cause


def _causes(preset: Mapping[str, Any], settings: settings_types.Settings) -> Iterator[Cause]:
    spec = tree.section(preset, "spec")
    if len(presets.name_of(preset)) > presets.LONGEST_NAME:
        # An instance is annotated with the names of its presets.
        yield Cause("metadata.name", kube_names.too_long(presets.LONGEST_NAME))
    if not tree.has(spec, "domain"):
        yield Cause("spec.domain", "missing domain.", REQUIRED)
    yield from affinity.selector(tree.section(spec, "selector"), "spec.selector")
    instance_like = {"spec": {"domain": tree.section(spec, "domain")}}
    yield from instance.partial_causes(request.subject_of(instance_like, settings, field="spec", meta_field="metadata"))


def validate(asked: request.Request) -> request.Verdict:
    """The verdict."""
    found = list(_causes(asked.obj, asked.settings))
    if asked.old is not None:
        found = updates.introduced(found, asked.obj, list(_causes(asked.old, asked.settings)), asked.old)
    return request.Verdict(causes=tuple(found))
