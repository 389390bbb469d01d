"""What is said of wrong objects without a cluster; tests/integration/test_api_types.py holds the same cases against a real API server."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import crds, schema_check
from ansible_collections.playvirt.core.tests.integration import wrong_objects


def _name(case: wrong_objects.Case) -> str:
    return case.name


@pytest.mark.parametrize("case", wrong_objects.REFUSED, ids=_name)
def test_wrong_objects_are_refused_with_all_causes(case: wrong_objects.Case) -> None:
    found = {(cause.field, cause.type, cause.message) for cause in schema_check.check_object(case.obj)}
    assert found == set(case.causes)


@pytest.mark.parametrize("case", wrong_objects.ACCEPTED, ids=_name)
def test_near_misses_are_accepted(case: wrong_objects.Case) -> None:
    assert schema_check.check_object(case.obj) == []


@pytest.mark.parametrize(("obj", "fields"), wrong_objects.UNKNOWN)
def test_unknown_fields_are_named(obj: dict[str, Any], fields: str) -> None:
    found = schema_check.check_object(obj)
    assert sorted(cause.field for cause in found) == fields.split()
    assert all(cause.message == f'unknown field "{cause.field}"' for cause in found)


@pytest.mark.parametrize(
    ("metadata", "field", "message"),
    [
        (None, "metadata.name", "Required value: name or generateName is required"),
        ({"labels": {}}, "metadata.name", "Required value: name or generateName is required"),
        ({"name": "Upper"}, "metadata.name", 'Invalid value: "Upper": a lowercase RFC 1123 subdomain must consist of'),
        ([], "metadata.name", "Required value: name or generateName is required"),
        ("x", "metadata", 'Invalid value: "string": metadata in body must be of type object: "string"'),
        ({"name": "a", "labels": {"a": 1}}, "metadata.labels.a", 'Invalid value: "integer": metadata.labels.a in body'),
    ],
)
def test_metadata(metadata: Any, field: str, message: str) -> None:
    (cause,) = schema_check.check_object({**wrong_objects.ACCEPTED[0].obj, "metadata": metadata})
    assert cause.field == field
    assert cause.message.startswith(message)


def test_a_generated_name_is_a_name() -> None:
    assert schema_check.check_object({**wrong_objects.ACCEPTED[0].obj, "metadata": {"generateName": "a-"}}) == []


@pytest.mark.parametrize(
    "obj",
    [
        None,
        [],
        "x",
        {},
        {"kind": "Pod", "apiVersion": "v1"},
        {"kind": "VirtualMachine", "apiVersion": "kubevirt.io/v2"},
    ],
)
def test_what_is_no_object_of_ours_is_refused(obj: Any) -> None:
    assert len(schema_check.check_object(obj)) == 1


def test_what_yaml_makes_of_an_unquoted_time_is_named() -> None:
    vm = next(case.obj for case in wrong_objects.ACCEPTED if case.name == "time")
    metadata = {"creationTimestamp": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)}
    template = {**vm["spec"]["template"], "metadata": metadata}
    (cause,) = schema_check.check_object({**vm, "spec": {**vm["spec"], "template": template}})
    assert cause.field == "spec.template.metadata.creationTimestamp"


def test_a_newline_does_not_slip_through_a_pattern() -> None:
    vmi = {**wrong_objects.ACCEPTED[0].obj, "spec": {"domain": {"devices": {}, "memory": {"guest": "1Gi\n"}}}}
    (cause,) = schema_check.check_object(vmi)
    assert cause.field == "spec.domain.memory.guest"


def _schemas(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for field in (schema.get("properties") or {}).values():
        yield from _schemas(field)
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from _schemas(schema[inner])


ALL = [
    schema for kind in crds.KINDS for version in kind.versions for schema in _schemas(crds.object_schema(kind, version))
]


def test_every_keyword_of_our_schemas_is_known() -> None:
    assert {keyword for schema in ALL for keyword in schema} <= schema_check.KEYWORDS
    assert all("x-kubernetes-int-or-string" in schema for schema in ALL if "anyOf" in schema)
    formats = {schema["format"] for schema in ALL if "format" in schema}
    assert formats == {"int32", "int64", "float", "date-time", "uuid"}


def test_every_rule_of_our_schemas_is_known() -> None:
    rules = [rule["rule"] for schema in ALL for rule in schema.get("x-kubernetes-validations") or ()]
    assert set(rules) == set(schema_check.RULES)
