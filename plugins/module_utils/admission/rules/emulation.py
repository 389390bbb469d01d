"""Rules for guests that are emulated: what only KVM can do is refused, since libvirt and QEMU mostly take it and do nothing.

In: a Subject whose settings say that the installation emulates guests. Out: a cause for each field that would have no effect.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, Cause

#: field -> what of it has no effect without KVM; the rules below refuse just that
NEEDS_KVM = {
    "spec.domain.cpu.model": "host-passthrough",
    "spec.domain.cpu.features[].policy": "force, forbid",
    "spec.domain.features.hyperv": "enabled",
    "spec.domain.features.hypervPassthrough": "enabled",
    "spec.domain.features.kvm": "hidden",
    "spec.domain.features.pvspinlock": "enabled",
    "spec.domain.features.apic.endOfInterrupt": "true",
    "spec.domain.clock.timer.kvm": "present",
    "spec.domain.clock.timer.hyperv": "present",
    "spec.domain.clock.timer.pit.tickPolicy": "discard",
    "spec.domain.devices.panicDevices[].model": "hyperv",
}
_WHY = "needs KVM, and this installation emulates its guests (developerConfiguration.useEmulation of its KubeVirt)"


def _refused(field: str, value: str, instead: str) -> Cause:
    return Cause(field, f"{field} '{value}' {_WHY}; {instead}", NOT_SUPPORTED)


def _processor(it: subject.Subject) -> Iterator[Cause]:
    cpu = tree.section(it.domain, "cpu")
    if tree.text(cpu, "model") == "host-passthrough":
        yield _refused(
            it.at("domain", "cpu", "model"), "host-passthrough", "use host-model, a model by name, or leave it out"
        )
    for index, feature in enumerate(tree.entries(cpu, "features")):
        policy = tree.text(feature, "policy")
        if policy in ("force", "forbid"):
            field = it.at("domain", "cpu", "features", index, "policy")
            yield _refused(field, policy, "use require, optional or disable")


def _features(it: subject.Subject) -> Iterator[Cause]:
    features = tree.section(it.domain, "features")
    hyperv = tree.section(features, "hyperv")
    switches: list[tuple[str, ...]] = [("hyperv", name) for name in hyperv if tree.enabled(hyperv, name)]
    switches += [("pvspinlock",)] if tree.enabled(features, "pvspinlock") else []
    for parts in switches:
        yield _refused(it.at("domain", "features", *parts, "enabled"), "true", "leave it out")
    for parts in (("hypervPassthrough", "enabled"), ("kvm", "hidden"), ("apic", "endOfInterrupt")):
        if tree.section(features, parts[0]).get(parts[1]) is True:
            yield _refused(it.at("domain", "features", *parts), "true", "leave it out")


def _timers(it: subject.Subject) -> Iterator[Cause]:
    timers = tree.section(it.domain, "clock", "timer")
    for name in ("kvm", "hyperv"):
        if tree.has(timers, name) and tree.section(timers, name).get("present") is not False:
            yield _refused(it.at("domain", "clock", "timer", name, "present"), "true", "leave the timer out")
    if tree.text(tree.section(timers, "pit"), "tickPolicy") == "discard":
        yield _refused(it.at("domain", "clock", "timer", "pit", "tickPolicy"), "discard", "use delay")


def _panic_devices(it: subject.Subject) -> Iterator[Cause]:
    for index, device in enumerate(tree.entries(it.devices, "panicDevices")):
        if tree.text(device, "model") == "hyperv":
            yield _refused(it.at("domain", "devices", "panicDevices", index, "model"), "hyperv", "use isa or pvpanic")


def _emulated(it: subject.Subject) -> Iterator[Cause]:
    if it.settings.use_emulation:
        for rule in (_processor, _features, _timers, _panic_devices):
            yield from rule(it)


RULES: tuple[subject.Rule, ...] = (_emulated,)
