"""What holds of every object that a schema accepts: it gets an answer in bounded time, causes name fields that exist, the patch leads where it should, and
nothing that stays as it is is refused.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import hypothesis
import pytest
from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    json_patch,
    judge,
    mutate,
    request,
    review,
    tree,
    versions,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import crds, schema_check
from ansible_collections.playvirt.core.tests.unit import from_schema
from hypothesis import strategies as st

OFTEN = frozenset(
    (
        "template",
        "metadata",
        "labels",
        "selector",
        "volumes",
        "disks",
        "interfaces",
        "networks",
        "cpu",
        "memory",
        "resources",
        "requests",
        "limits",
        "devices",
        "firmware",
        "features",
        "machine",
        "containerDisk",
        "cloudInitNoCloud",
        "disk",
        "cdrom",
        "lun",
        "pod",
        "masquerade",
        "domain",
        "readinessProbe",
        "accessCredentials",
        "dnsConfig",
        "affinity",
        "configuration",
    )
)
STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
CASES = [(kind, version.name) for kind in crds.KINDS for version in kind.versions]
#: far more than it takes, far less than the API server waits
MOST_SECONDS = 2.0


def _schema(kind: crds.Kind, version: str) -> Mapping[str, Any]:
    found = schema_check.find_schema(f"{kind.group}/{version}", kind.kind)
    assert found is not None
    return found


def exists(schema: Mapping[str, Any], path: str) -> bool:
    """Whether a schema knows the field."""
    for index, name in STEP.findall(path):
        if index:
            schema = schema.get("items") or {}
        elif schema.get("properties") and name in schema["properties"]:
            schema = schema["properties"][name]
        elif isinstance(schema.get("additionalProperties"), Mapping):
            schema = schema["additionalProperties"]
        else:
            return False
    return bool(schema)


def answered(obj: dict[str, Any], old: dict[str, Any] | None = None) -> tuple[request.Verdict, dict[str, Any]]:
    """What both webhooks say, and the object that is judged."""
    asked = request.Request(
        obj=versions.modern(obj),
        old=None if old is None else versions.modern(old),
        surroundings=request.Surroundings(is_known=False),
    )
    mutated = mutate.mutate(obj["kind"], asked, lambda: "5d307ca9-b3ef-428c-8861-06e72d69f223").obj
    judged = request.Request(obj=mutated, old=asked.old, surroundings=asked.surroundings)
    return versions.as_posted(judge.judge(obj["kind"], judged), obj), mutated


@pytest.mark.parametrize(("kind", "version"), CASES, ids=lambda value: getattr(value, "kind", value))
@hypothesis.given(data=st.data())
@hypothesis.settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    database=None,
    derandomize=True,
)
def test_every_object_that_the_schema_accepts_gets_an_answer(
    kind: crds.Kind, version: str, data: st.DataObject
) -> None:
    schema = _schema(kind, version)
    spec = data.draw(from_schema.objects(schema["properties"]["spec"], OFTEN))
    obj = {
        "apiVersion": f"{kind.group}/{version}",
        "kind": kind.kind,
        "metadata": {"name": "x", "namespace": "ns"},
        "spec": spec,
    }
    hypothesis.assume(not schema_check.check_object(obj))
    started = time.process_time()
    verdict, mutated = answered(obj)
    assert time.process_time() - started < MOST_SECONDS
    for cause in verdict.causes:
        if cause.field and not cause.field.startswith("metadata."):
            assert exists(schema, cause.field), cause
    if versions.is_modern(obj):
        assert _patched(obj, json_patch.between(obj, mutated)) == mutated
        assert schema_check.check_object({**mutated, "apiVersion": obj["apiVersion"]}) == []
    # Nothing is changed, so nothing can be refused.
    again, _ = answered(obj, obj)
    assert again.is_allowed, again
    assert review.respond(_review(obj), verdict)["response"]["allowed"] is verdict.is_allowed


def _review(obj: Mapping[str, Any]) -> review.Review:
    asked = {"uid": "u", "operation": "CREATE", "object": obj, "kind": {"kind": obj["kind"]}}
    return review.decode({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked})


def _patched(obj: Any, patch: list[dict[str, Any]]) -> Any:
    """A JSON patch applied, as the API server would."""
    result = tree.copied(obj)
    for operation in patch:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place = result
        for part in way:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if operation["op"] == "remove":
            del place[last]
        elif isinstance(place, list) and last == "-":
            place.append(operation["value"])
        else:
            place[int(last) if isinstance(place, list) else last] = operation["value"]
    return result
