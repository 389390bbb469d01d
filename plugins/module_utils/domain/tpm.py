"""The domain's trusted platform module, emulated by swtpm.

In: a VMI's spec. Out: the tpm element, or None. Its state lives as long as the launcher pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document, switches


def convert_tpm(spec: Mapping[str, Any]) -> document.Element | None:
    """A TPM 2.0."""
    if not switches.state(spec["domain"].get("devices") or {}, "tpm", default=False):
        return None
    backend = document.element("backend", type="emulator", version="2.0")
    return document.element("tpm", backend, model="tpm-tis")
