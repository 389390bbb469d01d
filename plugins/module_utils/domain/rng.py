"""The domain's random number generator.

In: a VMI's spec. Out: the rng element, or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document, virtio


def convert_rng(spec: Mapping[str, Any]) -> document.Element | None:
    """The generator, fed by the host's."""
    if "rng" not in (spec["domain"].get("devices") or {}):
        return None
    backend = document.element("backend", "/dev/urandom", model="random")
    return document.element("rng", backend, model=virtio.model(spec))
