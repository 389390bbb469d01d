"""Check an object against the API's schemas without a cluster, and say what the API server would say.

In: an object as decoded from YAML or JSON. Out: causes, with the API server's own field paths, messages and types; for an unknown field the message of
its strict decoding. Called by admission for module validate, and by tests. Only the keywords that our schemas use are known here (a test keeps it so);
a general library would know more, with other messages, and nothing of Kubernetes' extensions.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import causes, crds
from ansible_collections.playvirt.core.plugins.module_utils.api import schema as vocabulary
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause
from ansible_collections.playvirt.core.plugins.module_utils.api.types import meta

Schema = vocabulary.Schema

#: every keyword that is obeyed here, or that says nothing about a value
KEYWORDS = frozenset(
    (
        "type",
        "format",
        "enum",
        "pattern",
        "minimum",
        "maximum",
        "maxLength",
        "maxItems",
        "required",
        "properties",
        "additionalProperties",
        "items",
        "nullable",
        "description",
        "default",
        "anyOf",  # only in x-kubernetes-int-or-string
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    )
)
_INT64 = range(-(2**63), 2**63)
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric"
    f" character (e.g. 'example.com', regex used for validation is '{_NAME.pattern}')"
)

#: the rules that the definitions write in CEL, as functions
RULES: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "has(self.domain) != has(self.template)": lambda spec: ("domain" in spec) != ("template" in spec),
    "has(self.template) || !(has(self.running) || has(self.runStrategy))": lambda spec: (
        "template" in spec or not ("running" in spec or "runStrategy" in spec)
    ),
}


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Go's `$` is the end of the text; Python's would let a newline follow."""
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if value in _INT64 else "number"
    if isinstance(value, float):
        return "integer" if value.is_integer() and int(value) in _INT64 else "number"
    for kind, name in ((str, "string"), (list, "array"), (Mapping, "object")):
        if isinstance(value, kind):
            return name
    return type(value).__name__


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)


def _wrong_type(path: str, expected: str, found: str) -> Cause:
    return Cause(
        path, f'Invalid value: "{found}": {path} in body must be of type {expected}: "{found}"', causes.TYPE_INVALID
    )


def _is_time(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).tzinfo is not None and text[10:11] in "Tt"
    except ValueError:
        return False


def _string(schema: Schema, text: str, path: str) -> Iterator[Cause]:
    form = schema.get("format")
    if (form == "uuid" and not _UUID.fullmatch(text)) or (form == "date-time" and not _is_time(text)):
        yield _wrong_type(path, form, text)
    if "maxLength" in schema and len(text) > schema["maxLength"]:
        yield Cause(path, f"Too long: may not be more than {schema['maxLength']} bytes", causes.TOO_LONG)
    if "pattern" in schema and not _compiled(schema["pattern"]).search(text):
        yield Cause(path, f"Invalid value: {_json(text)}: {path} in body should match '{schema['pattern']}'")


def _number(schema: Schema, number: float, path: str) -> Iterator[Cause]:
    wrong = []
    if number < schema.get("minimum", number):
        wrong.append(f"greater than or equal to {schema['minimum']}")
    if number > schema.get("maximum", number):
        wrong.append(f"less than or equal to {schema['maximum']}")
    for words in wrong:
        yield Cause(path, f"Invalid value: {_json(number)}: {path} in body should be {words}")


def _object(schema: Schema, found: Mapping[str, Any], path: str) -> Iterator[Cause]:
    properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
    prefix = f"{path}." if path else ""
    for name in schema.get("required") or ():
        if found.get(name) is None:
            yield Cause(prefix + name, "Required value", causes.REQUIRED)
    for name, value in found.items():
        if name in properties:
            if value is not None:
                yield from _check(properties[name], value, prefix + name)
        elif others is not None:
            if value is not None:
                yield from _check(others, value, prefix + name)
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield Cause(prefix + name, f'unknown field "{prefix}{name}"')


def _array(schema: Schema, found: list[Any], path: str) -> Iterator[Cause]:
    if len(found) > schema.get("maxItems", len(found)):
        yield Cause(path, f"Too many: {len(found)}: must have at most {schema['maxItems']} items", causes.TOO_MANY)
    for index, entry in enumerate(found):
        yield from _check(schema["items"], entry, f"{path}[{index}]")
    keys, seen = schema.get("x-kubernetes-list-map-keys"), set()
    if not keys and schema.get("x-kubernetes-list-type") != "set":
        return
    for index, entry in enumerate(found):
        if keys and not isinstance(entry, Mapping):
            continue
        identity = _json({key: entry[key] for key in keys if key in entry} if keys else entry)
        if identity in seen:
            yield Cause(f"{path}[{index}]", f"Duplicate value: {identity}", causes.DUPLICATE)
        seen.add(identity)


def _check(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    found = _type_of(value)
    if schema.get("x-kubernetes-int-or-string"):
        if found not in ("integer", "string"):
            yield _wrong_type(path, "integer,string", found)
    elif found != schema["type"] and not (schema["type"] == "number" and found == "integer"):
        yield _wrong_type(path, schema["type"], found)
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(_json(one) for one in schema["enum"])
        yield Cause(path, f"Unsupported value: {_json(value)}: supported values: {allowed}", causes.NOT_SUPPORTED)
    if found == "string":
        yield from _string(schema, value, path)
    elif found in ("integer", "number"):
        yield from _number(schema, value, path)
    elif found == schema.get("type") == "object":
        yield from _object(schema, value, path)
    elif found == schema.get("type") == "array":
        yield from _array(schema, value, path)


def check(schema: Schema, value: Any, path: str) -> list[Cause]:
    """What the API server has against a value: unknown fields, types, required fields, enums, patterns, ranges, duplicates, rules.

    `path` is the field that the value stands in, empty for a whole object. As for the API server, null counts as left out, and rules over several fields are
    asked only where each field is right.
    """
    found = list(_check(schema, value, path))
    if found or not isinstance(value, Mapping):
        return found
    return [
        Cause(path, f"Invalid value: {rule['message']}")
        for rule in schema.get("x-kubernetes-validations") or ()
        if not RULES[rule["rule"]]({name: below for name, below in value.items() if below is not None})
    ]


def find_schema(api_version: str, kind: str) -> Schema | None:
    """The schema of whole objects of a kind in a version that is served, or None."""
    for known in crds.KINDS:
        for version in known.versions:
            if (f"{known.group}/{version.name}", known.kind) == (api_version, kind):
                return crds.object_schema(known, version)
    return None


def _metadata(found: Any) -> Iterator[Cause]:
    if not isinstance(found, Mapping):
        yield _wrong_type("metadata", "object", _type_of(found))
        return
    own = {key: value for key, value in meta.OBJECT_META.items() if key != "x-kubernetes-preserve-unknown-fields"}
    yield from _check(own, found, "metadata")
    name = found.get("name")
    if not name and not found.get("generateName"):
        yield Cause("metadata.name", "Required value: name or generateName is required", causes.REQUIRED)
    elif isinstance(name, str) and name and not _NAME.fullmatch(name):
        yield Cause("metadata.name", f"Invalid value: {_json(name)}: {_NAME_RULE}")


def check_object(obj: Any) -> list[Cause]:
    """What the API server has against a whole object of one of our kinds, its metadata included."""
    if not isinstance(obj, Mapping):
        return [_wrong_type("", "object", _type_of(obj))]
    api_version, kind = str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")
    schema = find_schema(api_version, kind)
    if schema is None:
        return [Cause("kind", f'no matches for kind "{kind}" in version "{api_version}"')]
    rest = {name: value for name, value in obj.items() if name != "metadata"}
    found = [*_metadata(obj.get("metadata") or {}), *_check(schema, rest, "")]
    return found or check(schema["properties"]["spec"], obj.get("spec") or {}, "spec")
