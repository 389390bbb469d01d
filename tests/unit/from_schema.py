"""Objects that a schema accepts, made by hypothesis: for properties that hold of each of them.

In: a schema of plugins/module_utils/api. Out: a strategy. Objects get all required fields and few others, except for those in `often`, which half
of the objects have; names come from a small set, so that they meet. Called by tests of conversion and admission.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

_WORDS = ("a", "b", "root", "registryvolume", "mydisk", "ä ö")
_QUANTITIES = ("1", "128Mi", "0.5", "1e3", "-1", "100m", "2Gi")
_UUIDS = ("5d307ca9-b3ef-428c-8861-06e72d69f223", "00000000-0000-0000-0000-000000000000")
_TIMES = ("2026-11-22T16:31:54Z", "2020-02-29T00:00:00+01:00")


def _strings(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "uuid":
        return st.sampled_from(_UUIDS)
    if schema.get("format") == "date-time":
        return st.sampled_from(_TIMES)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"), alphabet=st.characters(codec="ascii")).filter(
            lambda text: len(text) <= schema.get("maxLength", len(text))
        )
    return st.sampled_from(_WORDS)


def _scalars(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if schema.get("x-kubernetes-int-or-string"):
        return st.one_of(st.integers(0, 2**40), st.sampled_from(_QUANTITIES))
    kind = schema["type"]
    if kind == "string":
        return _strings(schema)
    if kind == "boolean":
        return st.booleans()
    low, high = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31 - 1)
    return st.integers(low, high) if kind == "integer" else st.floats(0, 1000, allow_nan=False)


def _lists(schema: Mapping[str, Any], often: frozenset[str]) -> st.SearchStrategy[list[Any]]:
    keys = schema.get("x-kubernetes-list-map-keys")
    unique: Any = None
    if keys:
        unique = lambda entry: tuple(entry[key] for key in keys)  # noqa: E731
    elif schema.get("x-kubernetes-list-type") == "set":
        unique = str
    return st.lists(objects(schema["items"], often), max_size=3, unique_by=unique)


@st.composite
def _fields(draw: st.DrawFn, schema: Mapping[str, Any], often: frozenset[str]) -> dict[str, Any]:
    properties = schema["properties"]
    names = set(schema.get("required") or ())
    names |= {name for name in properties if name in often and draw(st.booleans())}
    rest = sorted(set(properties) - names - often)
    if rest and draw(st.integers(0, 3)) == 0:
        names.add(draw(st.sampled_from(rest)))
    return {name: draw(objects(properties[name], often)) for name in sorted(names)}


def objects(schema: Mapping[str, Any], often: frozenset[str] = frozenset()) -> st.SearchStrategy[Any]:
    """Values that the schema accepts; `often` are names of fields that half of the objects have."""
    kind = schema.get("type")
    if kind == "array":
        return _lists(schema, often)
    if kind != "object":
        return _scalars(schema)
    if schema.get("properties"):
        return _fields(schema, often)
    if "additionalProperties" in schema:
        return st.dictionaries(st.sampled_from(("a", "b", "cpu")), objects(schema["additionalProperties"], often))
    return st.just({})
