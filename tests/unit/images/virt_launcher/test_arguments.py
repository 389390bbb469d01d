"""Arguments of commands: typed, and errors that name the field and not the value."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import arguments
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

GIVEN = arguments.Arguments(
    "make_disks",
    {
        "text": "a",
        "empty": "",
        "number": 5,
        "flag": True,
        "texts": ["a", "b"],
        "mixed": ["a", 1],
        "files": {"a": "b"},
        "objects": [{"text": "x"}],
        "path": "/disks/a/b",
    },
)


def test_values_of_the_right_type() -> None:
    assert GIVEN.text("text") == "a"
    assert GIVEN.optional_text("missing") is None
    assert GIVEN.optional_text("empty") is None
    assert GIVEN.number("number", least=1, most=5) == 5
    assert GIVEN.optional_texts("texts") == ("a", "b")
    assert GIVEN.optional_texts("missing") is None
    assert GIVEN.texts_by_name("files") == {"a": "b"}
    assert GIVEN.path_below("path", "/disks") == "/disks/a/b"
    (nested,) = GIVEN.objects("objects")
    assert (nested.path, nested.text("text")) == ("make_disks.objects[0]", "x")


@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        ("text", "missing", "make_disks.missing: expected a text, got nothing"),
        ("text", "empty", "make_disks.empty: expected a text, got an empty text"),
        ("text", "number", "make_disks.number: expected a text, got a number"),
        ("optional_texts", "mixed", "make_disks.mixed: expected a list of texts, got a list"),
        ("texts_by_name", "texts", "make_disks.texts: expected an object of texts, got a list"),
        ("objects", "text", "make_disks.text: expected a list, got a text"),
        ("objects", "texts", "make_disks.texts[0]: expected an object, got a text"),
    ],
)
def test_values_of_another_type(method: str, name: str, message: str) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        getattr(GIVEN, method)(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(("name", "least"), [("flag", 0), ("text", 0), ("number", 6)])
def test_number_refuses(name: str, least: int) -> None:
    with pytest.raises(errors.InvalidObject, match=f"^make_disks.{name}: "):
        GIVEN.number(name, least=least, most=9)


@pytest.mark.parametrize(
    "path", ["/disks", "/disks/../etc/passwd", "/disks/./a", "disks/a", "/disksother/a", "/disks/a/"]
)
def test_path_below_refuses(path: str) -> None:
    with pytest.raises(errors.InvalidObject, match=r"^x\.path: expected a plain path below /disks$"):
        arguments.Arguments("x", {"path": path}).path_below("path", "/disks")
