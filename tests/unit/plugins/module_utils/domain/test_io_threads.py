"""How IO threads are dealt out to disks, policy by policy."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.domain import io_threads

DISKS = {"a": False, "own": True, "b": False, "c": False}


def _spec(policy: str | None, **domain: Any) -> dict[str, Any]:
    return {"domain": {"ioThreadsPolicy": policy, **domain}}


@pytest.mark.parametrize(
    ("policy", "cores", "count", "of_disk"),
    [
        (None, 1, 1, {"own": 1}),
        ("shared", 1, 2, {"a": 1, "b": 1, "c": 1, "own": 2}),
        ("auto", 1, 2, {"a": 1, "b": 1, "c": 1, "own": 2}),
        ("auto", 2, 4, {"a": 1, "b": 2, "c": 3, "own": 4}),
        ("auto", 8, 4, {"a": 1, "b": 2, "c": 3, "own": 4}),
    ],
)
def test_threads_by_policy(policy: str | None, cores: int, count: int, of_disk: dict[str, int]) -> None:
    found = io_threads.threads(_spec(policy, cpu={"cores": cores}), DISKS)
    assert (found.count, found.of_disk, found.pool) == (count, of_disk, ())


def test_a_pool_serves_every_disk_that_has_no_thread_of_its_own() -> None:
    found = io_threads.threads(_spec("supplementalPool", ioThreads={"supplementalPoolThreadCount": 3}), DISKS)
    assert (found.count, found.of_disk, found.pool) == (4, {"own": 4}, (1, 2, 3))
    pool, thread = found.convert_driver("a")
    assert thread is None
    assert pool is not None
    assert [entry.get("id") for entry in pool] == ["1", "2", "3"]
    assert found.convert_driver("own") == (None, 4)


def test_without_a_policy_there_are_none() -> None:
    found = io_threads.threads(_spec(None), {"a": False})
    assert io_threads.convert_count(found) is None
    assert found.convert_driver("a") == (None, None)
