"""Quantities in the rules: compared exactly, never expanded, so that `1e999999999` costs nothing.

In: a map with quantities. Out: Decimals, within what Kubernetes can hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, quantity

FORMAT_ERROR = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
MEGABYTE = Decimal(10**6)


def parse(value: Any) -> Decimal | None:
    """The amount, or None where it is no quantity."""
    try:
        return quantity.parse(value)
    except errors.InvalidObject:
        return None


def amount(amounts: Mapping[str, Any], key: str) -> Decimal:
    """The amount under a key, 0 where there is none that can be read."""
    return (parse(amounts[key]) if amounts.get(key) is not None else None) or Decimal(0)


def whole(value: Decimal) -> Decimal:
    """The next whole number."""
    return value.to_integral_value(rounding=ROUND_CEILING)
