"""Who the domain is: its name, its UUID, and what the guest's firmware tells of system and chassis.

In: a VMI. Out: names, and the sysinfo element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata
from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def domain_name(vmi: Mapping[str, Any]) -> str:
    """The domain's name: `<namespace>_<name>`."""
    return f"{metadata.meta(vmi)['namespace']}_{metadata.meta(vmi)['name']}"


def domain_uuid(vmi: Mapping[str, Any]) -> str:
    """firmware.uuid, or one that follows from the VMI's uid."""
    firmware = vmi["spec"]["domain"].get("firmware") or {}
    return str(firmware.get("uuid") or metadata.derived_uuid("vmi", metadata.meta(vmi)["uid"]))


def convert_sysinfo(vmi: Mapping[str, Any]) -> document.Element:
    """What the guest's firmware tells of the system."""
    firmware = vmi["spec"]["domain"].get("firmware") or {}
    entries = {
        "manufacturer": "playvirt",
        "product": "virtual machine",
        "uuid": domain_uuid(vmi),
        "serial": firmware.get("serial"),
        "family": "playvirt",
    }
    made = [document.element("entry", str(value), name=name) for name, value in entries.items() if value]
    return document.element("sysinfo", document.group("system", made), type="smbios")
