"""What an installation's KubeVirt says about admission: feature gates and defaults.

In: the KubeVirt, or none. Out: `Settings`, which every rule and default gets. A gate that is Alpha is off unless listed, Beta is on unless listed as
disabled, and what is generally available is on; names and states are KubeVirt's.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import feature_gates, tree

_MACHINES: Mapping[str, tuple[str, ...]] = {
    "amd64": ("q35*", "pc-q35*"),
    "arm64": ("virt*",),
    "s390x": ("s390-ccw-virtio*",),
}
_DEFAULT_MACHINE: Mapping[str, str] = {"amd64": "q35", "arm64": "virt", "s390x": "s390-ccw-virtio"}
ARCHITECTURES = tuple(_MACHINES)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The installation's word on admission; without a KubeVirt everything is at its default."""

    namespace: str = "kubevirt"
    gates: frozenset[str] = frozenset()
    disabled_gates: frozenset[str] = frozenset()
    architecture: str = "amd64"
    machines: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _MACHINES)
    machine_types: Mapping[str, str] = field(default_factory=lambda: _DEFAULT_MACHINE)
    network_interface: str = "masquerade"
    bridge_on_pod_network: bool = True
    cpu_model: str = ""
    cpu_request: str = ""
    eviction_strategy: str = ""
    live_update: bool = False
    use_emulation: bool = False
    site_rules: tuple[str, ...] = ()

    def has_gate(self, name: str) -> bool:
        """Whether a feature gate is on."""
        if name in feature_gates.ALPHA:
            return name in self.gates
        return name not in self.disabled_gates if name in feature_gates.BETA else True

    def supports_machine(self, architecture: str, machine: str) -> bool:
        """Whether a machine type may be used on an architecture."""
        return any(fnmatch.fnmatchcase(machine, pattern) for pattern in self.machines.get(architecture, ()))


def of_kubevirt(kubevirt: Mapping[str, Any] | None) -> Settings:
    """The settings of an installation."""
    configuration = tree.section(kubevirt, "spec", "configuration")
    developer = tree.section(configuration, "developerConfiguration")
    network = tree.section(configuration, "network")
    architectures = tree.section(configuration, "architectureConfiguration")
    machines, machine_types = dict(_MACHINES), dict(_DEFAULT_MACHINE)
    for architecture in ARCHITECTURES:
        own = tree.section(architectures, architecture)
        machines[architecture] = tuple(tree.strings(own, "emulatedMachines")) or machines[architecture]
        machine_types[architecture] = tree.text(own, "machineType") or machine_types[architecture]
    return Settings(
        namespace=tree.text(tree.section(kubevirt, "metadata"), "namespace") or "kubevirt",
        gates=frozenset(tree.strings(developer, "featureGates")),
        disabled_gates=frozenset(tree.strings(developer, "disabledFeatureGates")),
        architecture=tree.text(architectures, "defaultArchitecture") or "amd64",
        machines=machines,
        machine_types=machine_types,
        network_interface=tree.text(network, "defaultNetworkInterface") or "masquerade",
        bridge_on_pod_network=network.get("permitBridgeInterfaceOnPodNetwork") is not False,
        cpu_model=tree.text(configuration, "cpuModel"),
        cpu_request=tree.text(configuration, "cpuRequest"),
        eviction_strategy=tree.text(configuration, "evictionStrategy"),
        live_update=tree.text(configuration, "vmRolloutStrategy") == "LiveUpdate",
        use_emulation=developer.get("useEmulation") is True,
        site_rules=tuple(tree.strings(configuration, "admission", "siteRules")),
    )
