"""Switches as the API has them: an object is on where it is given, unless its `enabled` says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def state(parent: Mapping[str, Any], name: str, *, default: bool | None = None) -> bool | None:
    """Whether the switch is on; `default` where it is not given."""
    found = parent.get(name)
    if found is None:
        return default
    return found.get("enabled") is not False


def word(on: bool) -> str:
    """How libvirt spells it."""
    return "on" if on else "off"
