"""Rules for the boot loader, ACPI tables, a kernel of its own, confidential guests and Hyper-V features."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import REQUIRED, Cause

_SERIAL = "[A-Za-z0-9_.+-]+"
LONGEST_SERIAL = 256
_HYPERV = "Cannot explicitly set hyperV features if HypervPassthrough is being used. Please use either HyperV or HypervPassthrough."


def serial_problems(field: str, serial: str) -> Iterator[str]:
    """What is wrong with a serial number, of the machine or of a disk."""
    if serial and not re.fullmatch(_SERIAL, serial):
        yield f"{field} must be made up of the following characters [A-Za-z0-9_.+-], if specified"
    if len(serial) > LONGEST_SERIAL:
        yield f"{field} must be less than or equal to {LONGEST_SERIAL} in length, if specified"


def path_problems(field: str, path: str) -> Iterator[str]:
    """What is wrong with the path of a file in an image."""
    if path == "/":
        yield f"{field} must not point to root"
    elif posixpath.normpath("/" + path.lstrip("/")) != path.removesuffix("/") or path.startswith("//"):
        yield f"{field} must be an absolute path to a file without relative components"


def uses_efi(firmware: Mapping[str, Any]) -> bool:
    """Whether the guest boots by UEFI."""
    return tree.has(tree.section(firmware, "bootloader"), "efi")


def uses_secure_boot(firmware: Mapping[str, Any]) -> bool:
    """Whether UEFI checks signatures, which it does unless told otherwise."""
    return uses_efi(firmware) and tree.section(firmware, "bootloader", "efi").get("secureBoot") is not False


def _serial(it: subject.Subject) -> Iterator[Cause]:
    field = it.at("domain", "firmware", "serial")
    for problem in serial_problems(field, tree.text(tree.section(it.domain, "firmware"), "serial")):
        yield Cause(field, problem)


def _bootloader(it: subject.Subject) -> Iterator[Cause]:
    firmware, field = tree.section(it.domain, "firmware"), it.at("domain", "firmware", "bootloader")
    bootloader = tree.section(firmware, "bootloader")
    if tree.has(bootloader, "efi") and tree.has(bootloader, "bios"):
        yield Cause(field, f"{field} has both EFI and BIOS configured, but they are mutually exclusive.")
    if uses_secure_boot(firmware) and not tree.enabled(tree.section(it.domain, "features"), "smm"):
        efi = tree.path(field, "efi")
        yield Cause(efi, f"{efi} has EFI SecureBoot enabled. SecureBoot requires SMM, which is currently disabled.")


def _needs(it: subject.Subject) -> Iterator[Cause]:
    """What firmware needs of the rest of the machine."""
    bootloader = tree.section(it.domain, "firmware", "bootloader")
    features, field = tree.section(it.domain, "features"), it.at("domain", "firmware", "bootloader")
    if tree.has(bootloader, "efi") and tree.has(features, "acpi") and not tree.enabled(features, "acpi"):
        acpi = it.at("domain", "features", "acpi", "enabled")
        yield Cause(acpi, f"{acpi} 'false' is not possible with {tree.path(field, 'efi')}, which needs ACPI")
    kernel = tree.section(it.domain, "firmware", "kernelBoot", "container")
    if kernel and uses_secure_boot(tree.section(it.domain, "firmware")):
        place = it.at("domain", "firmware", "kernelBoot", "container")
        yield Cause(
            place,
            f"{place} gets past Secure Boot, which does not check it; set {tree.path(field, 'efi.secureBoot')} to false",
        )
    serial = tree.section(bootloader, "bios").get("useSerial") is True
    if serial and it.devices.get("autoattachSerialConsole") is False:
        place = tree.path(field, "bios", "useSerial")
        console = it.at("domain", "devices", "autoattachSerialConsole")
        yield Cause(place, f"{place} needs a serial console, and {console} is false")


def _acpi(it: subject.Subject) -> Iterator[Cause]:
    acpi, field = tree.section(it.domain, "firmware", "acpi"), it.at("domain", "firmware", "acpi")
    if not tree.has(tree.section(it.domain, "firmware"), "acpi"):
        return
    references = {name: tree.text(acpi, name) for name in ("slicNameRef", "msdmNameRef")}
    if not any(references.values()):
        yield Cause(field, "ACPI was set but no SLIC nor MSDM volume reference was set")
    volumes = {tree.text(volume, "name"): volume for volume in tree.entries(it.spec, "volumes")}
    for name, volume in references.items():
        if volume and volume not in volumes:
            yield Cause(tree.path(field, name), f"{field} does not have a matching Volume.")
        elif volume and not tree.has(volumes[volume], "secret"):
            yield Cause(tree.path(field, name), f"{field} refers to Volume of unsupported type.")


def _kernel_boot(it: subject.Subject) -> Iterator[Cause]:
    boot, field = tree.section(it.domain, "firmware", "kernelBoot"), it.at("domain", "firmware", "kernelBoot")
    if not tree.has(boot, "container"):
        if tree.text(boot, "kernelArgs"):
            yield Cause(
                tree.path(field, "kernelArgs"), "kernel arguments cannot be provided without an external kernel"
            )
        return
    container, place = tree.section(boot, "container"), tree.path(field, "container")
    paths = {name: tree.text(container, name) for name in ("kernelPath", "initrdPath")}
    if not tree.text(container, "image"):
        yield Cause(tree.path(place, "image"), f"{place} must be defined with an image", REQUIRED)
    if not any(paths.values()):
        yield Cause(
            place, f"{place} must be defined with at least one of the following: kernelPath, initrdPath", REQUIRED
        )
    if paths["initrdPath"] and not paths["kernelPath"]:
        kernel = tree.path(place, "kernelPath")
        yield Cause(kernel, f"{kernel} is required with initrdPath: it is the kernel that loads it", REQUIRED)
    for name, path in paths.items():
        for problem in path_problems(tree.path(place, name), path) if path else ():
            yield Cause(tree.path(place, name), problem)


def _launch_security(it: subject.Subject) -> Iterator[Cause]:
    security, field = tree.section(it.domain, "launchSecurity"), it.at("domain", "launchSecurity")
    names = {"sev": "SEV", "snp": "SEV-SNP", "tdx": "TDX"}
    wanted = [name for name in names if tree.has(security, name)]
    if len(wanted) > 1:
        yield Cause(field, "One and only one launchSecurity type can be set")
    firmware = tree.section(it.domain, "firmware")
    for name in wanted:
        if not uses_efi(firmware):
            yield Cause(field, f"{names[name]} requires OVMF (UEFI)")
        elif uses_secure_boot(firmware):
            yield Cause(field, f"{names[name]} does not work along with SecureBoot")


def _hyperv(it: subject.Subject) -> Iterator[Cause]:
    features = tree.section(it.domain, "features")
    if tree.section(features, "hypervPassthrough").get("enabled") is True and tree.has(features, "hyperv"):
        yield Cause(it.at("domain", "features", "hyperv"), _HYPERV)


#: what needs no other part of the spec
PARTIAL: tuple[subject.Rule, ...] = (_serial, _kernel_boot, _hyperv)
RULES: tuple[subject.Rule, ...] = (_serial, _bootloader, _needs, _acpi, _kernel_boot, _launch_security, _hyperv)
