"""Which virtio the domain's devices speak.

In: a VMI's spec. Out: the model that libvirt is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def model(spec: Mapping[str, Any]) -> str:
    """Version 1 alone, or with useVirtioTransitional also what came before it."""
    old = (spec["domain"].get("devices") or {}).get("useVirtioTransitional")
    return "virtio-transitional" if old else "virtio-non-transitional"
