"""Validation of a KubeVirt: what admission itself, and every instance after it, takes from the installation's configuration.

In: a Request. Out: a Verdict; a feature gate that nobody knows is a warning, since newer and older KubeVirts have others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    amounts,
    feature_gates,
    request,
    settings,
    tree,
    updates,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import additions
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, Cause

_FIELD = "spec.configuration"
_CHOICES = (
    (("evictionStrategy",), ("LiveMigrate", "LiveMigrateIfPossible", "None", "External")),
    (("vmRolloutStrategy",), ("LiveUpdate", "Stage")),
    (("network", "defaultNetworkInterface"), ("bridge", "masquerade", "passt")),
    (("architectureConfiguration", "defaultArchitecture"), ("amd64", "arm64", "s390x")),
)
#: a site rule's name: of this collection, or of any other by its full name
SITE_RULE = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*)?")


def _machine_types(kubevirt: Mapping[str, Any]) -> Iterator[Cause]:
    """What a guest gets where it says nothing has to be a machine type that guests may have, or each of them would be refused."""
    found = settings.of_kubevirt(kubevirt)
    for architecture, machine in found.machine_types.items():
        if not found.supports_machine(architecture, machine):
            field = tree.path(_FIELD, "architectureConfiguration", architecture, "machineType")
            allowed = ", ".join(found.machines[architecture])
            yield Cause(field, f"{field} '{machine}' is none of emulatedMachines, which are {allowed}", NOT_SUPPORTED)


def _causes(kubevirt: Mapping[str, Any]) -> Iterator[Cause]:
    configuration = tree.section(kubevirt, "spec", "configuration")
    for way, choices in _CHOICES:
        *above, last = way
        value, field = tree.text(tree.section(configuration, *above), last), tree.path(_FIELD, *way)
        if value and value not in choices:
            yield Cause(field, f"{field} '{value}' is not one of {', '.join(choices)}", NOT_SUPPORTED)
    if amounts.amount(configuration, "cpuRequest") < 0:
        field = tree.path(_FIELD, "cpuRequest")
        yield Cause(field, f"{field} '{configuration['cpuRequest']}': must be greater than or equal to 0.")
    yield from additions.problems(tree.section(configuration, "additions"))
    for name in ("cpuAllocationRatio", "memoryOvercommit"):
        given = tree.section(configuration, "developerConfiguration").get(name)
        if isinstance(given, int) and given < 1:
            field = tree.path(_FIELD, "developerConfiguration", name)
            yield Cause(field, f"{field} '{given}': must be greater than or equal to 1.")
    yield from _machine_types(kubevirt)
    for index, name in enumerate(tree.strings(configuration, "admission", "siteRules")):
        field = tree.path(_FIELD, "admission", "siteRules", index)
        if not SITE_RULE.fullmatch(name):
            yield Cause(
                field,
                f"{field} '{name}' names no site rule; write NAME for one of playvirt.core, or NAMESPACE.COLLECTION.NAME",
            )


def _warnings(kubevirt: Mapping[str, Any]) -> Iterator[str]:
    developer = tree.section(kubevirt, "spec", "configuration", "developerConfiguration")
    for name in ("featureGates", "disabledFeatureGates"):
        field = tree.path(_FIELD, "developerConfiguration", name)
        for gate in tree.strings(developer, name):
            if gate not in feature_gates.KNOWN:
                yield f"{field}: '{gate}' is no feature gate; it has no effect"
            elif gate in feature_gates.DISCONTINUED:
                yield f"{field}: '{gate}' is discontinued; it has no effect"


def validate(asked: request.Request) -> request.Verdict:
    """The verdict."""
    found = list(_causes(asked.obj))
    if asked.old is not None:
        found = updates.introduced(found, asked.obj, list(_causes(asked.old)), asked.old)
    return request.Verdict(causes=tuple(found), warnings=tuple(_warnings(asked.obj)))
