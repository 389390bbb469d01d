"""The arguments of a command, read one by one with their types. Pure.

In: what the handler sent, already JSON. Out: values of the type asked for, or errors.InvalidObject with the path of the field; a
message names the type that came, never the value: it may be a secret. Called by the files that do commands.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors


class Arguments:
    """A JSON object at `path`, such as `make_disks.disks[0]`."""

    def __init__(self, path: str, values: object) -> None:
        """Raises errors.InvalidObject when `values` is no object."""
        if not isinstance(values, Mapping):
            raise errors.InvalidObject(f"{path}: expected an object, got {_kind(values)}", field=path)
        self.path = path
        self._values: Mapping[str, Any] = values

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self._values.get(name)
        if not isinstance(value, str) or not value:
            raise self.wrong(name, f"expected a text, got {_kind(value)}")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None when it is missing, null or empty."""
        return self.text(name) if self._values.get(name) else None

    def number(self, name: str, *, least: int, most: int) -> int:
        """A whole number in a range."""
        value = self._values.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(name, f"expected a whole number, got {_kind(value)}")
        if not least <= value <= most:
            raise self.wrong(name, f"{value} is not between {least} and {most}")
        return value

    def optional_number(self, name: str, *, least: int, most: int) -> int | None:
        """A whole number in a range, or None when it is missing or null."""
        return None if self._values.get(name) is None else self.number(name, least=least, most=most)

    def flag(self, name: str) -> bool:
        """A boolean; false when it is missing or null."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, f"expected a boolean, got {_kind(value)}")
        return bool(value)

    def optional_texts(self, name: str) -> tuple[str, ...] | None:
        """A list of texts, or None when it is missing or null."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(name, f"expected a list of texts, got {_kind(value)}")
        return tuple(value)

    def texts_by_name(self, name: str) -> dict[str, str]:
        """An object whose values are all texts."""
        value = self._values.get(name)
        if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
            raise self.wrong(name, f"expected an object of texts, got {_kind(value)}")
        return dict(value)

    def objects(self, name: str) -> list[Arguments]:
        """A list of objects."""
        value = self._values.get(name)
        if not isinstance(value, list):
            raise self.wrong(name, f"expected a list, got {_kind(value)}")
        return [Arguments(f"{self.path}.{name}[{index}]", item) for index, item in enumerate(value)]

    def has(self, name: str) -> bool:
        """Whether there is anything, be it of the wrong type."""
        return self._values.get(name) is not None

    def optional_object(self, name: str) -> Arguments | None:
        """An object, or None when it is missing or null."""
        return Arguments(f"{self.path}.{name}", self._values[name]) if self.has(name) else None

    def path_below(self, name: str, directory: str) -> str:
        """An absolute path below `directory`, without `.` and `..`. Links are not followed here."""
        value = self.text(name)
        if os.path.normpath(value) != value or not value.startswith(directory + "/"):
            raise self.wrong(name, f"expected a plain path below {directory}")
        return value

    def wrong(self, name: str, why: str) -> errors.InvalidObject:
        """The error for a field."""
        field = f"{self.path}.{name}"
        return errors.InvalidObject(f"{field}: {why}", field=field)


def _kind(value: object) -> str:
    """What a JSON value is, in JSON's words."""
    if value == "":
        return "an empty text"
    names = {
        type(None): "nothing",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
    }
    return names.get(type(value), "an object")
