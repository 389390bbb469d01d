"""Validation of a VirtualMachine: run strategy, template, data volumes, and what waits for a snapshot or restore.

In: a Request. Out: a Verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    data_volumes,
    refusal,
    request,
    template,
    tree,
    updates,
)
from ansible_collections.playvirt.core.plugins.module_utils.admission import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import REQUIRED, Cause

_STRATEGIES = ("Always", "Halted", "Manual", "RerunOnFailure", "Once", "WaitAsReceiver")
_DEPRECATED = "spec.running is deprecated, please use spec.runStrategy instead."


def _run_strategy(spec: Mapping[str, Any], settings: settings_types.Settings) -> Iterator[Cause]:
    strategy = tree.text(spec, "runStrategy")
    if tree.has(spec, "running") and tree.has(spec, "runStrategy"):
        yield Cause(
            "spec.running",
            "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use RunStrategy instead",
        )
    if not tree.has(spec, "running") and not tree.has(spec, "runStrategy"):
        yield Cause("spec.running", "RunStrategy must be specified")
    receives = strategy == "WaitAsReceiver" and not settings.has_gate("DecentralizedLiveMigration")
    if tree.has(spec, "runStrategy") and (strategy not in _STRATEGIES or receives):
        yield Cause("spec.runStrategy", f"Invalid RunStrategy ({strategy})")


def _own_causes(vm: Mapping[str, Any], settings: settings_types.Settings) -> list[Cause]:
    """Everything but the template."""
    spec = tree.section(vm, "spec")
    found = (
        [] if tree.has(spec, "template") else [Cause("spec.template", "missing virtual machine template.", REQUIRED)]
    )
    return refusal.unique((*found, *_run_strategy(spec, settings), *data_volumes.causes(vm)))


def _differs(new: Mapping[str, Any], old: Mapping[str, Any], *keys: str) -> bool:
    *way, last = keys
    return tree.section(new, *way).get(last) != tree.section(old, *way).get(last)


def _waits(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[Cause]:
    """What must not change while a snapshot or a restore goes on."""
    status = tree.section(old, "status")
    snapshot, restore = tree.text(status, "snapshotInProgress"), tree.text(status, "restoreInProgress")
    storage = (("domain", "devices", "disks"), ("volumes",))
    if snapshot and any(_differs(new, old, "spec", "template", "spec", *keys) for keys in storage):
        yield Cause("spec", f'Cannot update vm disks or volumes until snapshot "{snapshot}" completes')
    runs = any(_differs(new, old, "spec", key) for key in ("running", "runStrategy"))
    if snapshot and runs:
        yield Cause("spec", f'Cannot update vm running state until snapshot "{snapshot}" completes')
    if restore and runs:
        yield Cause("spec", f'Cannot update VM runStrategy until restore "{restore}" completes')


def validate(asked: request.Request) -> request.Verdict:
    """The verdict."""
    vm, old = asked.obj, asked.old
    if old is not None and tree.section(vm, "spec") == tree.section(old, "spec"):
        return request.Verdict()
    found = _own_causes(vm, asked.settings)
    if old is not None:
        found = [*updates.introduced(found, vm, _own_causes(old, asked.settings), old), *_waits(vm, old)]
    inner, warnings = template.introduced(asked) if tree.has(tree.section(vm, "spec"), "template") else ([], ())
    deprecated = (_DEPRECATED,) if tree.has(tree.section(vm, "spec"), "running") else ()
    return request.Verdict(causes=(*found, *inner), warnings=(*deprecated, *warnings))
