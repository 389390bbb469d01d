"""What holds of every VirtualMachine that a schema accepts: no way to another version and back changes it, and each way ends in that version's schema."""

from __future__ import annotations

import copy
import json
from typing import Any

import hypothesis
import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import (
    schema_check,
    virtualmachine,
    virtualmachine_v1alpha1,
)
from ansible_collections.playvirt.core.plugins.module_utils.conversion import virtualmachine as conversion
from ansible_collections.playvirt.core.tests.unit import from_schema
from hypothesis import strategies as st

OFTEN = frozenset(
    (
        "runStrategy",
        "template",
        "metadata",
        "labels",
        "annotations",
        "domain",
        "devices",
        "disks",
        "volumes",
        "volumeName",
        "disk",
        "registryDisk",
        "containerDisk",
        "cloudInitNoCloud",
    )
)
LABELS = st.dictionaries(st.sampled_from(("app", "tier")), st.sampled_from(("a", "b")), min_size=1)
NOTES = st.one_of(
    st.sampled_from(("", "{}", "[]", "null", '{"direct":true}', '{"disks":7}', '{"disks":[[1],"x",["a",7]]}', "{")),
    st.builds(
        lambda direct, disks: json.dumps({"direct": direct, "disks": disks}),
        st.booleans(),
        st.lists(st.lists(st.sampled_from(("a", "b", "root", None)), min_size=2, max_size=2), max_size=3),
    ),
)


SETTINGS = hypothesis.settings(deadline=None, suppress_health_check=list(hypothesis.HealthCheck), max_examples=100)
NAMES = st.sampled_from(("a", "b", "root"))
SHOWN = st.lists(st.fixed_dictionaries({"name": NAMES}), min_size=1, max_size=4)
SHOWN_OLDEST = st.lists(st.fixed_dictionaries({"name": NAMES}, optional={"volumeName": NAMES}), min_size=1, max_size=4)


def _instance(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["template"]["spec"] if "template" in spec else spec
    return found


@st.composite
def machines(draw: st.DrawFn, version: str) -> dict[str, Any]:
    """A machine that the version's schema accepts; a v1 one may carry any note, as after changes in between."""
    if version == conversion.V1ALPHA1:
        spec = draw(from_schema.objects(virtualmachine_v1alpha1.SPEC, OFTEN))
        own = set(virtualmachine_v1alpha1.INSTANCE_SPEC["properties"])
        if draw(st.booleans()):
            for name in ("template", "running", "runStrategy"):
                spec.pop(name, None)
            spec.setdefault("domain", {"devices": {}})
        else:
            spec = {name: value for name, value in spec.items() if name not in own}
            spec.setdefault("template", {"spec": {"domain": {"devices": {}}}})
    else:
        spec = draw(from_schema.objects(virtualmachine.SPEC, OFTEN))
        if draw(st.booleans()):
            spec["runStrategy"] = "Once"
            spec.pop("running", None)
    if draw(st.integers(0, 3)):
        disks = draw(SHOWN_OLDEST if version == conversion.V1ALPHA1 else SHOWN)
        _instance(spec)["domain"]["devices"]["disks"] = disks
    metadata: dict[str, Any] = {"name": "machine"}
    if draw(st.booleans()):
        metadata["labels"] = draw(LABELS)
    annotations = {"mine": "yes"} if draw(st.booleans()) else {}
    if version != conversion.V1ALPHA1 and draw(st.booleans()):
        annotations[conversion.OLDEST_NOTE] = draw(NOTES)
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": version, "kind": "VirtualMachine", "metadata": metadata, "spec": spec}


def _round_trip(machine: dict[str, Any], version: str) -> None:
    devices = _instance(machine["spec"])["domain"]["devices"]
    hypothesis.event(f"{len(devices.get('disks', []))} disks")
    before = copy.deepcopy(machine)
    hypothesis.assume(schema_check.check_object(machine) == [])
    there = conversion.convert(machine, version)
    assert there["apiVersion"] == version
    assert schema_check.check_object(there) == []
    assert conversion.convert(there, machine["apiVersion"]) == before
    assert machine == before


@pytest.mark.parametrize("version", [conversion.V1, conversion.V1ALPHA3])
@hypothesis.given(machine=machines(conversion.V1ALPHA1))
@SETTINGS
def test_from_the_oldest_form_and_back(version: str, machine: dict[str, Any]) -> None:
    _round_trip(machine, version)


@pytest.mark.parametrize("version", [conversion.V1, conversion.V1ALPHA3])
@hypothesis.given(data=st.data())
@SETTINGS
def test_to_the_oldest_form_and_back(version: str, data: st.DataObject) -> None:
    _round_trip(data.draw(machines(version)), conversion.V1ALPHA1)


@hypothesis.given(oldest=machines(conversion.V1ALPHA1), modern=machines(conversion.V1))
@SETTINGS
def test_a_change_in_v1_is_seen_in_the_oldest_form_and_stays(oldest: dict[str, Any], modern: dict[str, Any]) -> None:
    """Somebody posts the oldest form, somebody else writes another spec and labels over it in v1."""
    stored = conversion.convert(oldest, conversion.V1)
    note = stored["metadata"].get("annotations", {}).get(conversion.OLDEST_NOTE)
    changed = copy.deepcopy(modern)
    changed["metadata"].pop("annotations", None)
    if note is not None:
        changed["metadata"]["annotations"] = {conversion.OLDEST_NOTE: note}
    _round_trip(changed, conversion.V1ALPHA1)
