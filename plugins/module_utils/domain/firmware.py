"""The domain's firmware and what it boots: BIOS, UEFI, a kernel out of an image.

In: a VMI's spec. Out: elements inside the os element. UEFI's files are those of Debian's package ovmf in the launcher image; libvirt copies the variables'
template when the domain starts, so that what the guest changes in them lives as long as its pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import names
from ansible_collections.playvirt.core.plugins.module_utils.domain import document

_OVMF = "/usr/share/OVMF"
#: with Microsoft's keys enrolled, which is what makes the guest check signatures; and without any
_SECURE = ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd")
_PLAIN = ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd")


def _bootloader(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (spec["domain"].get("firmware") or {}).get("bootloader") or {}
    return found


def uses_efi(spec: Mapping[str, Any]) -> bool:
    """Whether the guest boots by UEFI."""
    return _bootloader(spec).get("efi") is not None


def _efi(spec: Mapping[str, Any]) -> list[document.Element]:
    secure = _bootloader(spec)["efi"].get("secureBoot") is not False
    code, variables = _SECURE if secure else _PLAIN
    return [
        document.element("loader", f"{_OVMF}/{code}", readonly="yes", secure="yes" if secure else "no", type="pflash"),
        document.element("nvram", template=f"{_OVMF}/{variables}"),
    ]


def _kernel(spec: Mapping[str, Any]) -> list[document.Element]:
    boot = (spec["domain"].get("firmware") or {}).get("kernelBoot") or {}
    container = boot.get("container")
    if not container:
        return []
    files = {"kernel": container.get("kernelPath"), "initrd": container.get("initrdPath")}
    found = {tag: f"{names.KERNEL_BOOT_DIRECTORY}/{path.lstrip('/')}" for tag, path in files.items() if path}
    if boot.get("kernelArgs"):
        found["cmdline"] = boot["kernelArgs"]
    return [document.element(tag, value) for tag, value in found.items()]


def convert_firmware(spec: Mapping[str, Any]) -> list[document.Element]:
    """Loader and variables, kernel, and whether BIOS talks on the serial console."""
    serial = (_bootloader(spec).get("bios") or {}).get("useSerial")
    return [
        *(_efi(spec) if uses_efi(spec) else []),
        *_kernel(spec),
        *([document.element("bios", useserial="yes")] if serial else []),
    ]
