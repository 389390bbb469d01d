"""The domain's watchdog.

In: a VMI's spec. Out: the watchdog element, or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def convert_watchdog(spec: Mapping[str, Any]) -> document.Element | None:
    """An i6300esb and what it does when the guest stops feeding it."""
    given = (spec["domain"].get("devices") or {}).get("watchdog")
    if not given:
        return None
    action = (given.get("i6300esb") or {}).get("action") or "reset"
    alias = document.element("alias", name=f"ua-{given['name']}")
    return document.element("watchdog", alias, model="i6300esb", action=action)
