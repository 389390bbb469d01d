"""Quantities in the rules: compared exactly, never expanded, so that `1e999999999` costs nothing.

In: a map with quantities. Out: Decimals, capped at what Kubernetes can hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, quantity

#: apimachinery caps larger numbers at this, and takes smaller fractions up to a billionth
LARGEST = Decimal(2**63 - 1)
_SMALLEST = Decimal("1e-9")
FORMAT_ERROR = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
MEGABYTE = Decimal(10**6)


def capped(value: Decimal) -> Decimal:
    """The value as Kubernetes would hold it."""
    if value.copy_abs() >= LARGEST:
        return LARGEST.copy_sign(value)
    if value and value.copy_abs() < _SMALLEST:
        return _SMALLEST.copy_sign(value)
    return value


def parse(value: Any) -> Decimal | None:
    """The amount, or None where it is no quantity."""
    try:
        return capped(quantity.parse(value))
    except (errors.InvalidObject, ArithmeticError):
        return None


def amount(amounts: Mapping[str, Any], key: str) -> Decimal:
    """The amount under a key, 0 where there is none that can be read."""
    return (parse(amounts[key]) if amounts.get(key) is not None else None) or Decimal(0)


def whole(value: Decimal) -> Decimal:
    """The next whole number."""
    return value.to_integral_value(rounding=ROUND_CEILING)
