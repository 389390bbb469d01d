"""The difference of two objects as a JSON patch (RFC 6902), as an AdmissionReview's answer carries it.

In: an object before and after. Out: the shortest list of add, replace and remove that this file can find: objects key by key, lists place by place with
what is longer added at the end. Own code: it is thirty lines, and what mutation does to an object needs no cleverer differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import tree

Operation = dict[str, Any]


def _pointer(path: str, key: str | int) -> str:
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _same(before: Any, after: Any) -> bool:
    return type(before) is type(after) and bool(before == after)


def _between(before: Any, after: Any, path: str) -> Iterator[Operation]:
    if tree.is_object(before) and tree.is_object(after):
        for key in before.keys() - after.keys():
            yield {"op": "remove", "path": _pointer(path, key)}
        for key, value in after.items():
            if key not in before:
                yield {"op": "add", "path": _pointer(path, key), "value": value}
            else:
                yield from _between(before[key], value, _pointer(path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) <= len(after):
        for index, value in enumerate(after):
            if index < len(before):
                yield from _between(before[index], value, _pointer(path, index))
            else:
                yield {"op": "add", "path": _pointer(path, "-"), "value": value}
    elif not _same(before, after):
        yield {"op": "replace", "path": path, "value": after}


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Operation]:
    """The operations that turn one object into the other; an empty list where they are equal."""
    return list(_between(before, after, ""))
