"""Quantities: exact, and capped as Kubernetes caps them, so that no text makes a number that fills the memory."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, quantity


@pytest.mark.parametrize(
    ("text", "size"), [("128Mi", 2**27), ("1G", 10**9), ("1e3", 1000), ("0.5Ki", 512), ("1500m", 2), (7, 7), ("-1", -1)]
)
def test_bytes(text: str | int, size: int) -> None:
    assert quantity.parse_bytes(text) == size


@pytest.mark.parametrize("text", ["1e999999999", "9" * 400, "10E", "1e19"])
def test_what_is_too_large_is_the_largest(text: str) -> None:
    assert quantity.parse_bytes(text) == 2**63 - 1
    assert quantity.parse_bytes(f"-{text}") == -(2**63 - 1)


def test_what_is_too_small_is_the_smallest() -> None:
    assert quantity.parse("1e-999999999") == quantity.SMALLEST
    assert quantity.parse("0") == 0


@pytest.mark.parametrize("text", ["", "1Mb", "1e", "0x10", "1 Gi", "NaN", "Infinity", "1e99999999999999999999999"])
def test_what_is_none_names_its_field(text: str) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        quantity.parse(text, field="spec.x")
    assert caught.value.field == "spec.x"
