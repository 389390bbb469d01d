"""Rules for a VirtualMachine's dataVolumeTemplates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import REQUIRED, Cause

_CLAIM, _SNAPSHOT = "PersistentVolumeClaim", "VolumeSnapshot"


def _is_filled_from_outside(claim: Mapping[str, Any]) -> bool:
    """Whether something other than CDI fills the claim: a data source that is neither a claim nor a snapshot."""
    kinds = [tree.text(tree.section(claim, name), "kind") for name in ("dataSource", "dataSourceRef")]
    return any(kind not in ("", _CLAIM, _SNAPSHOT) for kind in kinds)


def _target(spec: Mapping[str, Any], field: str, name: str) -> Iterator[Cause]:
    if not tree.has(spec, "pvc") and not tree.has(spec, "storage"):
        yield Cause(field, "Missing Data volume PVC or Storage")
    if tree.has(spec, "pvc") and tree.has(spec, "storage"):
        yield Cause(field, "Duplicate storage definition, both target storage and target pvc defined")
    source, reference = tree.has(spec, "source"), tree.has(spec, "sourceRef")
    outside = any(_is_filled_from_outside(tree.section(spec, claim)) for claim in ("pvc", "storage"))
    if outside and (source or reference):
        yield Cause(field, "External population is incompatible with Source and SourceRef")
    if not outside and source == reference:
        yield Cause(field, "Data volume should have either Source, SourceRef, or be externally populated")
    sources = [name for name, value in tree.section(spec, "source").items() if value is not None]
    if source and not reference and len(sources) != 1:
        problem = "Multiple dataVolume sources" if sources else "Missing dataVolume valid source"
        yield Cause(tree.path(field, "source"), problem)


def causes(vm: Mapping[str, Any]) -> Iterator[Cause]:
    """What is wrong with the templates of a VirtualMachine."""
    volumes = tree.entries(vm, "spec", "template", "spec", "volumes")
    used = {tree.text(tree.section(volume, "dataVolume"), "name") for volume in volumes}
    used |= {tree.text(tree.section(volume, "persistentVolumeClaim"), "claimName") for volume in volumes}
    namespace = tree.text(tree.section(vm, "metadata"), "namespace")
    for index, entry in enumerate(tree.entries(vm, "spec", "dataVolumeTemplates")):
        field, meta = tree.path("spec", "dataVolumeTemplates", index), tree.section(entry, "metadata")
        name, own = tree.text(meta, "name"), tree.text(meta, "namespace")
        if not name:
            place = tree.path(field, "metadata", "name")
            yield Cause(place, f"'name' field must not be empty for DataVolumeTemplate entry {field}.", REQUIRED)
        yield from _target(tree.section(entry, "spec"), tree.path(field, "spec"), name)
        if own and namespace and own != namespace:
            yield Cause(
                tree.path(field, "metadata", "namespace"),
                f"Embedded DataVolume namespace {own} differs from VM namespace {namespace}",
            )
        if name not in used:
            yield Cause(
                field, f"DataVolumeTemplate entry {field} must be referenced in the VMI template's 'volumes' list"
            )
