"""Validation of a VirtualMachineInstanceReplicaSet: its selector has to select its own instances, and its template has to be right.

In: a Request. Out: a Verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    label_selector,
    request,
    template,
    tree,
    updates,
)
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import affinity
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import REQUIRED, Cause


def _own_causes(replica_set: Mapping[str, Any]) -> Iterator[Cause]:
    spec = tree.section(replica_set, "spec")
    if not tree.has(spec, "template"):
        yield Cause("spec.template", "missing virtual machine template.", REQUIRED)
    selector, broken = spec.get("selector"), list(affinity.selector(tree.section(spec, "selector"), "spec.selector"))
    yield from broken
    labels = tree.section(spec, "template", "metadata", "labels")
    if not broken and not label_selector.matches(selector, labels):
        yield Cause("spec.selector", "selector does not match labels.")


def validate(asked: request.Request) -> request.Verdict:
    """The verdict."""
    found = list(_own_causes(asked.obj))
    if asked.old is not None:
        found = updates.introduced(found, asked.obj, list(_own_causes(asked.old)), asked.old)
    inner, warnings = template.introduced(asked)
    return request.Verdict(causes=(*found, *inner), warnings=warnings)
