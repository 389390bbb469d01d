"""Rules for the machine type, the architecture, I/O threads, and what an architecture does not have."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import settings, subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

_POLICIES = ("shared", "auto", "supplementalPool")
_AMD64_VIDEO = ("vga", "cirrus", "virtio", "ramfb", "bochs")


def _machine_type(it: subject.Subject) -> Iterator[Cause]:
    machine = tree.text(tree.section(it.domain, "machine"), "type")
    if machine and not it.settings.supports_machine(it.architecture, machine):
        field = it.at("domain", "machine", "type")
        allowed = " ".join(it.settings.machines.get(it.architecture, ()))
        yield Cause(field, f"{field} is not supported: {machine} (allowed values: [{allowed}])")


def _io_threads(it: subject.Subject) -> Iterator[Cause]:
    policy = tree.text(it.domain, "ioThreadsPolicy")
    if policy and policy not in _POLICIES:
        yield Cause(it.at("domain", "ioThreadsPolicy"), f"Invalid IOThreadsPolicy ({policy})")
    threads = tree.count(tree.section(it.domain, "ioThreads"), "supplementalPoolThreadCount")
    if policy == "supplementalPool" and threads < 1:
        field = it.at("domain", "ioThreads") if tree.has(it.domain, "ioThreads") else it.at("domain", "ioThreadsPolicy")
        yield Cause(field, "the number of iothreads needs to be set and positive for the dedicated policy")


def _architecture(it: subject.Subject) -> Iterator[Cause]:
    if it.architecture not in settings.ARCHITECTURES:
        yield Cause(it.at("architecture"), f"unsupported architecture: {it.architecture}")


def _amd64(it: subject.Subject) -> Iterator[Cause]:
    watchdog = tree.section(it.devices, "watchdog")
    if tree.has(it.devices, "watchdog") and (tree.has(watchdog, "diag288") or not tree.has(watchdog, "i6300esb")):
        yield Cause(it.at("domain", "devices", "watchdog"), "amd64 only supports I6300ESB watchdog device")
    video = tree.text(tree.section(it.devices, "video"), "type")
    if video and video not in _AMD64_VIDEO:
        yield Cause(
            it.at("domain", "devices", "video", "type"),
            f"video model '{video}' is not supported on amd64 architecture",
        )


def _arm64(it: subject.Subject) -> Iterator[Cause]:
    if tree.has(tree.section(it.domain, "firmware", "bootloader"), "bios"):
        yield Cause(
            it.at("domain", "firmware", "bootloader", "bios"),
            "Arm64 does not support bios boot, please change to uefi boot",
        )
    model = tree.text(tree.section(it.domain, "cpu"), "model")
    if model and model != "host-passthrough":
        yield Cause(it.at("domain", "cpu", "model"), "currently, host-passthrough is the only model supported on Arm64")
    for index, disk in enumerate(tree.entries(it.devices, "disks")):
        for target in ("disk", "lun", "cdrom"):
            bus = tree.text(tree.section(disk, target), "bus")
            if bus and bus not in ("virtio", "scsi"):
                yield Cause(
                    it.at("domain", "devices", "disks", index, target, "bus"),
                    "Arm64 not support this disk bus type, please use virtio or scsi",
                )
    for device, words in (("watchdog", "Watchdog"), ("sound", "sound")):
        if tree.has(it.devices, device):
            yield Cause(it.at("domain", "devices", device), f"Arm64 not support {words} device")


def _per_architecture(it: subject.Subject) -> Iterator[Cause]:
    if it.architecture == "amd64":
        yield from _amd64(it)
    elif it.architecture == "arm64":
        yield from _arm64(it)


RULES: tuple[subject.Rule, ...] = (_machine_type, _io_threads, _architecture, _per_architecture)
