"""The domain's machine: its type, and what it starts with.

In: a VMI's spec. Out: the os element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document, firmware

DEFAULT_TYPE = "q35"


def machine_type(spec: Mapping[str, Any]) -> str:
    """The machine type asked for, or the default one."""
    return str((spec["domain"].get("machine") or {}).get("type") or DEFAULT_TYPE)


def convert_os(spec: Mapping[str, Any]) -> document.Element:
    """The machine type, the firmware, and that the system's identity comes from sysinfo."""
    return document.element(
        "os",
        document.element("type", "hvm", arch="x86_64", machine=machine_type(spec)),
        *firmware.convert_firmware(spec),
        document.element("smbios", mode="sysinfo"),
    )
