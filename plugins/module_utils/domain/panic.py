"""The domain's panic devices, through which a guest that crashes says so.

In: a VMI's spec. Out: panic elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def convert_panic_devices(spec: Mapping[str, Any]) -> list[document.Element]:
    """The devices listed; ISA's where a model is not named."""
    listed = (spec["domain"].get("devices") or {}).get("panicDevices") or []
    return [document.element("panic", model=device.get("model") or "isa") for device in listed]
