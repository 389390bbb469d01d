"""Rules for an instance's labels and annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, Cause

RESERVED = (
    "kubevirt.io/created-by",
    "kubevirt.io/migrationJobUID",
    "kubevirt.io/nodeName",
    "kubevirt.io/migrationTargetNodeName",
    "kubevirt.io/schedulable",
    "kubevirt.io/install-strategy",
)
_SIDECARS, _IGNITION = "hooks.kubevirt.io/hookSidecars", "kubevirt.io/ignitiondata"


def reserved(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The labels that only playvirt itself may set."""
    labels = tree.section(meta, "labels")
    return {name: labels[name] for name in RESERVED if name in labels}


def reserved_at_creation(it: subject.Subject) -> Iterator[Cause]:
    """An instance must not come with reserved labels; playvirt's own accounts are not asked."""
    if reserved(it.meta):
        yield Cause(
            tree.path(it.meta_field, "labels"),
            "creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited",
            NOT_SUPPORTED,
        )


def gated_annotations(it: subject.Subject) -> Iterator[Cause]:
    """Annotations that need a feature gate."""
    found, field = tree.section(it.meta, "annotations"), tree.path(it.meta_field, "annotations")
    for name, gate, words in (
        (_IGNITION, "ExperimentalIgnitionSupport", "ExperimentalIgnitionSupport"),
        (_SIDECARS, "Sidecar", "sidecar"),
    ):
        if found.get(name) and not it.settings.has_gate(gate):
            yield Cause(
                field, f"{words} feature gate is not enabled in kubevirt-config, invalid entry {tree.path(field, name)}"
            )


RULES: tuple[subject.Rule, ...] = (gated_annotations,)
