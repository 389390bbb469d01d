"""The domain's sound card.

In: a VMI's spec. Out: the sound element, or None. Who looks at the guest by SPICE hears it, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def convert_sound(spec: Mapping[str, Any]) -> document.Element | None:
    """The card."""
    given = (spec["domain"].get("devices") or {}).get("sound")
    if not given:
        return None
    alias = document.element("alias", name=f"ua-{given['name']}")
    return document.element("sound", alias, model=given.get("model") or "ich9")
