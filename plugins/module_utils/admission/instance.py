"""Every rule about an instance's spec, in the order in which causes are told.

In: a Subject with presets and defaults applied. Out: causes. Called by the validators of VirtualMachineInstance and of the kinds that
carry a template of one; a preset, which is a part of a spec, is judged by those rules that need no other part.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.admission import refusal, subject
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import (
    affinity,
    clock,
    cloud_init,
    cpu,
    credentials,
    devices,
    disks,
    dns,
    emulation,
    firmware,
    interfaces,
    labels,
    lifecycle,
    machine,
    networks,
    probes,
    resources,
    volumes,
)
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

_ALL: tuple[subject.Rule, ...] = (
    *lifecycle.RULES,
    *resources.RULES,
    *cpu.RULES,
    *machine.RULES,
    *firmware.RULES,
    *clock.RULES,
    *networks.RULES,
    *interfaces.RULES,
    *disks.RULES,
    *volumes.RULES,
    *cloud_init.RULES,
    *devices.RULES,
    *emulation.RULES,
    *probes.RULES,
    *credentials.RULES,
    *dns.RULES,
    *affinity.RULES,
    *labels.RULES,
    resources.memory_given,
    disks.volumes_have_disks,
)
_OF_A_PART: tuple[subject.Rule, ...] = (
    *resources.RULES,
    *cpu.PARTIAL,
    *machine.RULES,
    *firmware.PARTIAL,
    *clock.RULES,
    *interfaces.PARTIAL,
    *disks.PARTIAL,
    *devices.RULES,
    *emulation.RULES,
)


def _found(rules: tuple[subject.Rule, ...], it: subject.Subject) -> list[Cause]:
    return refusal.unique(cause for rule in rules for cause in rule(it))


def spec_causes(it: subject.Subject) -> list[Cause]:
    """What is wrong with a complete spec."""
    return _found(_ALL, it)


def partial_causes(it: subject.Subject) -> list[Cause]:
    """What is wrong with a preset's domain, whatever it is merged into."""
    return _found(_OF_A_PART, it)
