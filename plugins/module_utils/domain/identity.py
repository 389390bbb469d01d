"""Who the domain is: its name, its UUID, and what the guest's firmware tells of system and chassis (SMBIOS types 1 and 3).

In: a VMI, and what the installation's KubeVirt says of the guests' maker. Out: names, and the sysinfo element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import metadata
from ansible_collections.playvirt.core.plugins.module_utils.domain import document

#: what guests read of their maker where configuration.smbios says nothing
MAKER = {"manufacturer": "playvirt", "product": "virtual machine", "family": "playvirt"}
_SYSTEM = ("manufacturer", "product", "version", "serial", "uuid", "sku", "family")
_CHASSIS = ("manufacturer", "version", "serial", "asset", "sku")


def domain_name(vmi: Mapping[str, Any]) -> str:
    """The domain's name: `<namespace>_<name>`."""
    return f"{metadata.meta(vmi)['namespace']}_{metadata.meta(vmi)['name']}"


def domain_uuid(vmi: Mapping[str, Any]) -> str:
    """firmware.uuid, or one that follows from the VMI's uid."""
    firmware = vmi["spec"]["domain"].get("firmware") or {}
    return str(firmware.get("uuid") or metadata.derived_uuid("vmi", metadata.meta(vmi)["uid"]))


def _table(tag: str, values: Mapping[str, Any], names: tuple[str, ...]) -> document.Element | None:
    """One table's entries; None where there is nothing to tell."""
    made = [document.element("entry", str(values[name]), name=name) for name in names if values.get(name)]
    return document.group(tag, made) if made else None


def convert_sysinfo(vmi: Mapping[str, Any], maker: Mapping[str, Any]) -> document.Element:
    """System and chassis. `maker` is configuration.smbios of the KubeVirt: manufacturer, product, version, sku, family."""
    domain = vmi["spec"]["domain"]
    told = {name: value for name, value in maker.items() if value}
    own = {"uuid": domain_uuid(vmi), "serial": (domain.get("firmware") or {}).get("serial")}
    return document.element(
        "sysinfo",
        _table("system", {**MAKER, **told, **own}, _SYSTEM),
        _table("chassis", domain.get("chassis") or {}, _CHASSIS),
        type="smbios",
    )
