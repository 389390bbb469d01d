"""Objects as large as the API server takes them, made to cost as much as they can: each is judged, merged or converted in a time that grows with its size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.admission import judge, presets, refusal, request
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause
from ansible_collections.playvirt.core.plugins.module_utils.conversion import virtualmachine as conversion

from . import cases

LARGEST = 3 * 1024 * 1024
#: far more than any of these takes; comparing everything with everything takes minutes
MOST_SECONDS = 10.0


@contextmanager
def in_bounded_time() -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < MOST_SECONDS


def many(entry: Callable[[int], Any], size: int = LARGEST) -> list[Any]:
    """So many entries that they fill an object."""
    return [entry(number) for number in range(size // (len(json.dumps(entry(0))) + 2))]


_METHODS = {"noCloud": {}, "configDrive": {}}
LARGE: dict[str, dict[str, Any]] = {
    "interfaces": {"domain.devices.interfaces": many(lambda number: {"name": f"d.{number}"})},
    "ports": {"domain.devices.interfaces[0].ports": many(lambda number: {"name": f"d.{number}", "port": 70000})},
    "credentials and volumes": {
        "accessCredentials": many(lambda number: {"sshPublicKey": {"propagationMethod": _METHODS}}, LARGEST // 2),
        "volumes": many(lambda number: {"name": f"d{number}"}, LARGEST // 2),
    },
    "long messages": {"domain.devices.disks": many(lambda number: {"name": "d", "disk": {}, "cache": "a" * 1900})},
    "long paths": {"domain.devices.disks": many(lambda number: {"name": "d", "disk": {}, "cache": "a." * 950})},
    "a long number": {"domain.memory.guest": "9" * LARGEST, "domain.memory.hugepages.pageSize": "7"},
    "a long name": {"hostname": "a" * LARGEST + "_", "subdomain": "a." * 1000 + "_"},
}


@pytest.mark.parametrize("what", LARGE)
def test_a_large_object_is_judged_in_bounded_time(what: str) -> None:
    fields = {f"template.spec.{path}": value for path, value in LARGE[what].items()}
    old = cases.vm(fields)
    new = cases.changed(old, {"spec.template.spec.terminationGracePeriodSeconds": 7})
    with in_bounded_time():
        made = judge.judge("VirtualMachine", request.Request(obj=old))
        assert 0 < len(made.causes) <= 2 * refusal.MOST
        assert judge.judge("VirtualMachine", request.Request(obj=new, old=old)).is_allowed


@pytest.mark.parametrize("conflict", [False, True])
def test_many_presets_are_compared_in_bounded_time(conflict: bool) -> None:
    size = {number: str(number) if conflict else "1Gi" for number in range(2000)}
    found = [cases.preset(f"p{number:04}", {"memory": {"guest": guest}}) for number, guest in size.items()]
    with in_bounded_time():
        applied = presets.apply(cases.vmi(labels={"size": "small"}), found)
    assert len(applied.causes) == (10 if conflict else 0)
    if conflict:
        assert "presets 'p0000' and 'p0001' conflict" in applied.causes[0].message


def test_many_notes_are_read_in_bounded_time() -> None:
    count = 14_000
    vm = cases.vm({"template.spec.domain.devices.disks": [{"name": "a"}] * count})
    notes = {"disks": [["b" if number % 2 else "a", f"x{number}"] for number in range(count)]}
    vm["metadata"]["annotations"] = {conversion.OLDEST_NOTE: json.dumps(notes)}
    with in_bounded_time():
        oldest = conversion.convert(vm, conversion.V1ALPHA1)
    disks = oldest["spec"]["template"]["spec"]["domain"]["devices"]["disks"]
    assert [disk["name"] for disk in disks[:3]] == ["x0", "x2", "x4"]


def test_a_message_tells_ten_causes_and_how_many_more_there_are() -> None:
    causes = [Cause(f"spec.{number}", f"wrong {number}") for number in range(12)]
    assert refusal.message(causes[:10]) == ", ".join(f"wrong {number}" for number in range(10))
    assert refusal.message(causes) == f"{refusal.message(causes[:10])}, and 2 more validation errors"
    assert len(refusal.status(causes)["details"]["causes"]) == 12
    assert refusal.unique([*causes, *causes]) == causes
    assert len(refusal.unique(Cause("", str(number)) for number in range(10**6))) == refusal.MOST
