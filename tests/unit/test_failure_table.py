"""The table of failures in docs/life.md holds: each text in it is one that a test awaits.

In: the table, the tests that its rows name. A row's text may leave out what differs from case to case with `...`; every piece of it has to be in a string of
the test's module, so that neither can change alone.
"""

from __future__ import annotations

import ast
import pathlib
import re
from dataclasses import dataclass

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs/life.md"
HEADING = "## When something fails"
_LEAST_ROWS = 20


@dataclass(frozen=True)
class Row:
    """A line of the table: the texts that it promises, and the tests that show it."""

    cause: str
    texts: tuple[str, ...]
    tests: tuple[str, ...]


def read_rows() -> list[Row]:
    """The rows of the table, in order."""
    section = PAGE.read_text().partition(f"{HEADING}\n")[2].partition("\n## ")[0]
    rows = []
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith("| cause "):
            cause, told, _, shown = (cell.strip() for cell in line.strip("|").split(" | "))
            rows.append(Row(cause, tuple(re.findall(r"`([^`]+)`", told)), tuple(re.findall(r"`([^`]+)`", shown))))
    return rows


def strings(module: ast.Module) -> list[str]:
    """Every string of a module, those inside f-strings in pieces."""
    return [node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_there_are_enough() -> None:
    rows = read_rows()
    assert len(rows) >= _LEAST_ROWS
    assert len({row.cause for row in rows}) == len(rows)


@pytest.mark.parametrize("row", read_rows(), ids=lambda row: row.cause)
def test_a_test_awaits_each_text(row: Row) -> None:
    assert row.texts
    assert row.tests
    found: list[str] = []
    for name in row.tests:
        path, _, function = name.partition("::")
        module = ast.parse((ROOT / "tests" / path).read_text())
        functions = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in functions, name
        found += strings(module)
    for text in row.texts:
        for piece in filter(None, text.split("...")):
            assert any(piece in each for each in found), f"none of {row.tests} awaits {piece!r}"
