"""Rules for inputs, GPUs, host devices, sound, video, panic devices, vsock and metrics."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api import names
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

_PANIC = ("hyperv", "isa", "pvpanic")


def _inputs(it: subject.Subject) -> Iterator[Cause]:
    for index, device in enumerate(tree.entries(it.devices, "inputs")):
        field = it.at("domain", "devices", "inputs", index)
        if tree.text(device, "bus") not in ("", "virtio", "usb"):
            yield Cause(tree.path(field, "bus"), "Input device can have only virtio or usb bus.")
        if tree.text(device, "type") != "tablet":
            yield Cause(tree.path(field, "type"), "Input device can have only tablet type.")


def _has_ramfb(it: subject.Subject) -> Iterator[bool]:
    for gpu in tree.entries(it.devices, "gpus"):
        options = tree.section(gpu, "virtualGPUOptions")
        display = tree.section(options, "display")
        ramfb = not tree.has(display, "ramFB") or tree.enabled(display, "ramFB")
        yield tree.has(options, "display") and display.get("enabled") is not False and ramfb


def _passthrough(it: subject.Subject) -> Iterator[Cause]:
    if sum(_has_ramfb(it)) > 1:
        yield Cause(it.at("domain", "devices", "gpus"), "configuring multiple displays with ramfb is not valid")
    if it.devices.get("hostDevices") and not it.settings.has_gate("HostDevices"):
        yield Cause(
            it.at("domain", "devices", "hostDevices"), "Host Devices feature gate is not enabled in kubevirt-config"
        )


def _sound(it: subject.Subject) -> Iterator[Cause]:
    sound, field = tree.section(it.devices, "sound"), it.at("domain", "devices", "sound")
    if not tree.has(it.devices, "sound"):
        return
    if tree.text(sound, "model") not in ("", "ich9", "ac97"):
        yield Cause(tree.path(field, "model"), "Sound device type is not supported. Options: 'ich9' or 'ac97'")
    if not tree.text(sound, "name"):
        yield Cause(tree.path(field, "name"), "Sound device requires a name field.")


def _gated(it: subject.Subject) -> Iterator[Cause]:
    if it.devices.get("autoattachVSOCK") is True and not it.settings.has_gate("VSOCK"):
        yield Cause(
            it.at("domain", "devices", "autoattachVSOCK"), "VSOCK feature gate is not enabled in kubevirt-config"
        )
    if tree.has(it.devices, "downwardMetrics") and not it.settings.has_gate("DownwardMetrics"):
        yield Cause(
            it.at("domain", "devices", "downwardMetrics"),
            "downwardMetrics virtio serial is not allowed: DownwardMetrics feature gate is not enabled",
        )


def _video(it: subject.Subject) -> Iterator[Cause]:
    if tree.has(it.devices, "video") and it.devices.get("autoattachGraphicsDevice") is False:
        yield Cause(
            it.at("domain", "devices", "video"),
            "Video configuration is not allowed when autoattachGraphicsDevice is set to false",
        )


def _graphics(it: subject.Subject) -> Iterator[Cause]:
    """How the screen is shown is said by an annotation, for which the API has no field."""
    shown, field = tree.text(tree.section(it.meta, "annotations"), names.GRAPHICS), f"annotations[{names.GRAPHICS}]"
    field = tree.path(it.meta_field, field)
    if shown not in ("", names.VNC, names.SPICE):
        yield Cause(field, f"{field} '{shown}' is not known; use {names.VNC} or {names.SPICE}")
    elif shown and it.devices.get("autoattachGraphicsDevice") is False:
        yield Cause(field, f"{field} '{shown}' is not allowed when autoattachGraphicsDevice is set to false")


def _panic(it: subject.Subject) -> Iterator[Cause]:
    for index, device in enumerate(tree.entries(it.devices, "panicDevices")):
        model = tree.text(device, "model")
        if model and model not in _PANIC:
            field = it.at("domain", "devices", "panicDevices", index, "model")
            yield Cause(field, f"invalid PanicDeviceModel({model})")


RULES: tuple[subject.Rule, ...] = (_inputs, _passthrough, _sound, _gated, _video, _graphics, _panic)
