"""The domain's input devices.

In: a VMI's spec. Out: input elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document

#: what autoattachInputDevice adds where nothing is listed
_ATTACHED = {"name": "default-0", "type": "tablet", "bus": "usb"}


def _listed(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    devices = spec["domain"].get("devices") or {}
    return devices.get("inputs") or ([_ATTACHED] if devices.get("autoattachInputDevice") else [])


def _bus(device: Mapping[str, Any]) -> str:
    return str(device.get("bus") or "usb")


def uses_usb(spec: Mapping[str, Any]) -> bool:
    """Whether one of them is on the USB bus."""
    return any(_bus(device) == "usb" for device in _listed(spec))


def convert_inputs(spec: Mapping[str, Any]) -> list[document.Element]:
    """The devices listed, or the one that is attached by itself."""
    return [
        document.element(
            "input",
            document.element("alias", name=f"ua-{device['name']}"),
            type=device.get("type") or "tablet",
            bus=_bus(device),
            model="virtio" if _bus(device) == "virtio" else None,
        )
        for device in _listed(spec)
    ]
