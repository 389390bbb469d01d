"""A small vocabulary to write OpenAPI v3 structural schemas with: one call per field.

Every field carries a short description of its own, so that `kubectl explain` reads well; a field that is not in a schema is refused by the API server's
strict validation. Out: plain dicts for a CustomResourceDefinition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import quantity

Schema = dict[str, Any]

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


def string(description: str, **rules: Any) -> Schema:
    """A string; rules are OpenAPI's (pattern, maxLength, format, default)."""
    return {"type": "string", "description": description, **rules}


def enum(description: str, *values: str, **rules: Any) -> Schema:
    """A string out of a fixed set."""
    return {"type": "string", "description": description, "enum": list(values), **rules}


def integer(description: str, **rules: Any) -> Schema:
    """A whole number (64 bit)."""
    return {"type": "integer", "format": "int64", "description": description, **rules}


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


def array(description: str, items: Schema, *, key: str | None = None, **rules: Any) -> Schema:
    """A list; with `key`, a list map keyed by that field, so that server-side apply merges by it."""
    schema: Schema = {"type": "array", "description": description, "items": items, **rules}
    if key:
        schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return schema


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
    )
