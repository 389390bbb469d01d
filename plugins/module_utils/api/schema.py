"""A small vocabulary to write OpenAPI v3 structural schemas with: one call per field.

Every field carries a short description of its own, so that `kubectl explain` reads well; a field that is not in a schema is refused by the API server's
strict validation. Out: plain dicts for a CustomResourceDefinition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import quantity

Schema = dict[str, Any]

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DURATION = r"^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$"


def string(description: str, **rules: Any) -> Schema:
    """A string; rules are OpenAPI's (pattern, maxLength, format, default)."""
    return {"type": "string", "description": description, **rules}


def enum(description: str, *values: str, **rules: Any) -> Schema:
    """A string out of a fixed set."""
    return {"type": "string", "description": description, "enum": list(values), **rules}


def integer(description: str, **rules: Any) -> Schema:
    """A whole number (64 bit)."""
    return {"type": "integer", "format": "int64", "description": description, **rules}


def int32(description: str, **rules: Any) -> Schema:
    """A whole number (32 bit)."""
    return {"type": "integer", "format": "int32", "description": description, **rules}


def number(description: str, **rules: Any) -> Schema:
    """A number that need not be whole."""
    return {"type": "number", "description": description, **rules}


def boolean(description: str, **rules: Any) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": description, **rules}


def time(description: str) -> Schema:
    """An RFC 3339 time; null is allowed, as Kubernetes' own types allow it."""
    return {"type": "string", "format": "date-time", "nullable": True, "description": description}


def resource_quantity(description: str) -> Schema:
    """A quantity, as a string or a whole number."""
    return {
        "x-kubernetes-int-or-string": True,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": quantity.PATTERN,
        "description": description,
    }


def int_or_string(description: str) -> Schema:
    """A whole number or a name, such as a port."""
    return {
        "x-kubernetes-int-or-string": True,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "description": description,
    }


def duration(description: str) -> Schema:
    """A length of time as Go writes it: `24h`, `1m30s`."""
    return {"type": "string", "description": description, "pattern": DURATION}


def obj(description: str, properties: Mapping[str, Schema] | None = None, *, required: Sequence[str] = ()) -> Schema:
    """An object with named fields."""
    schema: Schema = {"type": "object", "description": description}
    if properties:
        schema["properties"] = dict(properties)
    if required:
        schema["required"] = list(required)
    return schema


def mapping(description: str, values: Schema) -> Schema:
    """An object with free keys."""
    return {"type": "object", "description": description, "additionalProperties": values}


def strings_by_name(description: str) -> Schema:
    """An object of free keys with strings: labels, a node selector."""
    return mapping(description, {"type": "string"})


def quantities(description: str) -> Schema:
    """Amounts of resources by the resource's name."""
    amount = resource_quantity("")
    del amount["description"]
    return mapping(description, amount)


def array(description: str, items: Schema, *, key: str | Sequence[str] = (), **rules: Any) -> Schema:
    """A list, which server-side apply replaces as a whole; with `key`, a list map that it merges by these fields."""
    schema: Schema = {"type": "array", "description": description, "items": items, **rules}
    if key:
        keys = [key] if isinstance(key, str) else list(key)
        schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
    return schema


def strings(description: str, *, unique: bool = False, values: Sequence[str] = ()) -> Schema:
    """A list of strings; `unique` makes it a set, `values` are the only ones allowed."""
    items: Schema = {"type": "string", **({"enum": list(values)} if values else {})}
    return array(description, items, **({"x-kubernetes-list-type": "set"} if unique else {}))


def described(schema: Schema, description: str) -> Schema:
    """The same type under another description: for a field whose use says more than its type."""
    return {**schema, "description": description}


def changed(schema: Schema, path: str, change: Callable[[Schema], Schema]) -> Schema:
    """A copy of a type with another sub-schema at `path` (`domain.devices.disks[]`); what is not on the path is shared.

    Raises KeyError where the path leads nowhere.
    """
    if not path:
        return change(schema)
    name, _, rest = path.partition(".")
    if name.endswith("[]"):
        listed = schema["properties"][name[:-2]]
        inner = {**listed, "items": changed(listed["items"], rest, change)}
    else:
        inner = changed(schema["properties"][name], rest, change)
    return {**schema, "properties": {**schema["properties"], name.removesuffix("[]"): inner}}


def condition_list() -> Schema:
    """status.conditions."""
    return array(
        "What is true of the object, one entry per type.",
        obj(
            "One condition.",
            {
                "type": string("What the condition is about."),
                "status": enum("Whether it holds.", "True", "False", "Unknown"),
                "reason": string("One word for programs."),
                "message": string("A sentence for people."),
                "lastTransitionTime": time("When status last changed."),
                "lastProbeTime": time("When it was last looked at."),
            },
            required=("type", "status"),
        ),
        key="type",
    )
