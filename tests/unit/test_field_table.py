"""The table of fields in the docs: every field of the schema has one answer, and the answer is what admission gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import emulation
from ansible_collections.playvirt.core.plugins.module_utils.api import virtualmachineinstance
from ansible_collections.playvirt.core.tests import field_table

ROWS = {row.field: row for row in field_table.all_rows()}


def _fields(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    properties = schema.get("items", schema).get("properties") or {}
    yield path, schema
    name = f"{path}[]" if schema.get("type") == "array" and properties else path
    for key, below in properties.items():
        yield from _fields(below, f"{name}.{key}")


FIELDS = dict(_fields(virtualmachineinstance.SPEC, "spec"))


def _row_of(field: str) -> field_table.Row:
    """The field's own row, or that of the field above that stands for it."""
    while field not in ROWS:
        field = field.rpartition(".")[0].removesuffix("[]")
    return ROWS[field]


def test_every_field_is_counted_once() -> None:
    assert len(ROWS) == len(field_table.all_rows())
    assert set(ROWS) <= set(FIELDS)
    assert sum(1 + row.below for row in ROWS.values()) == len(FIELDS) > 500
    assert all(_row_of(field).below or field in ROWS for field in FIELDS)


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.answer == field_table.REFUSED], ids=lambda row: row.field
)
def test_what_is_refused_has_its_message(row: field_table.Row) -> None:
    place = row.field.replace("[]", "[0]")
    assert row.note.startswith(f"{place} ")
    assert "is not supported by playvirt yet" in row.note


def test_what_is_implemented_is_not_refused() -> None:
    whole = [row.field for row in ROWS.values() if row.answer == field_table.IMPLEMENTED and row.below]
    assert "spec.domain.chassis" in whole
    for field in whole:
        assert field_table.refusals(field, field_table._sample(FIELDS[field])) == []


def test_what_needs_kvm_and_what_is_for_others_has_rows_of_its_own() -> None:
    for field in emulation.NEEDS_KVM:
        assert "needs KVM" in ROWS[field].note
    for field, why in field_table.ELSEWHERE.items():
        assert (ROWS[field].answer, ROWS[field].note) == (field_table.NOT_APPLICABLE, why)
