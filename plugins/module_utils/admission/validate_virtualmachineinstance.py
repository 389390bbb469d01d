"""Validation of a VirtualMachineInstance: its spec when it is made, and what may change afterwards.

In: a Request whose object has presets and defaults in it (the mutating webhook has run). Out: a Verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import hotplug, instance, request, tree
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import labels
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, Cause


def _changes(asked: request.Request, old: Mapping[str, Any]) -> Iterator[Cause]:
    """A running instance is changed by playvirt alone; people change its VirtualMachine, or make a new one."""
    if tree.section(asked.obj, "spec") != tree.section(old, "spec"):
        if asked.own_account:
            yield from hotplug.changes(asked.obj, old)
        else:
            yield Cause("spec", "update of VMI object is restricted", NOT_SUPPORTED)
    before, after = (labels.reserved(tree.section(obj, "metadata")) for obj in (old, asked.obj))
    if before != after and not asked.own_account:
        yield Cause(
            "metadata.labels",
            "modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited",
            NOT_SUPPORTED,
        )


def validate(asked: request.Request) -> request.Verdict:
    """The verdict."""
    if asked.old is not None:
        return request.Verdict(causes=tuple(_changes(asked, asked.old)))
    it = request.subject_of(asked.obj, asked.settings, field="spec", meta_field="metadata")
    found = [] if asked.own_account else list(labels.reserved_at_creation(it))
    return request.Verdict(causes=(*found, *instance.spec_causes(it)))
