"""Kubernetes resource quantities: `128Mi`, `1G`, `500m`, `1e3`.

In: the string (or number) as it stands in a manifest. Out: an exact Decimal, or whole bytes. The rule is that of apimachinery's resource.Quantity.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, DecimalException

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$")

#: what a schema accepts as a quantity
PATTERN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$"


#: Kubernetes holds no larger number, and takes what is smaller than the smallest for it
LARGEST, SMALLEST = Decimal(2**63 - 1), Decimal("1e-9")


def parse(text: str | int | float, *, field: str = "") -> Decimal:
    """The exact value of a quantity, capped as apimachinery caps it: `1e999999999` must not become a number of a billion digits.

    Raises InvalidObject naming the field and the text where it is none.
    """
    match = _QUANTITY.match(str(text).strip())
    if match is None:
        raise errors.InvalidObject(
            f"{field or 'quantity'} '{text}' is not a quantity; write a number with one of the suffixes m, k, M, G, Ki, Mi, Gi",
            field=field,
        )
    number, exponent, suffix = match.groups()
    try:
        return _capped(Decimal(number + exponent) if exponent else Decimal(number) * _FACTORS[suffix or ""])
    except DecimalException as error:
        raise errors.InvalidObject(f"{field or 'quantity'} '{text}' is out of range", field=field) from error


def _capped(value: Decimal) -> Decimal:
    if value.copy_abs() >= LARGEST:
        return LARGEST.copy_sign(value)
    return SMALLEST.copy_sign(value) if value and value.copy_abs() < SMALLEST else value


def parse_bytes(text: str | int | float, *, field: str = "") -> int:
    """The quantity as whole bytes, rounded up."""
    return int(parse(text, field=field).to_integral_value(rounding=ROUND_CEILING))
