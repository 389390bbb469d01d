"""Runs that are not begun or are ended early, and how many there are at a time.

Real cache, queue and watcher; fake API server and engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible_collections.playvirt.core.images.runner.settings import watches
from ansible_collections.playvirt.core.tests.unit.images.runner.turns.scenes import (
    FINALIZED,
    WATCH,
    Scene,
    scene,
    widget,
)

Change = Callable[[Scene], None]


async def test_an_object_that_goes_before_its_run_begins_gets_none() -> None:
    async with scene() as s:
        path = "/apis/example.com/v1/namespaces/ns/widgets/a"
        s.api.fail("PUT", path + "/status", code=404, reason="NotFound")
        s.api.fail("GET", path, code=404, reason="NotFound")
        s.api.put(widget())
        await s.ends("gone")
        assert s.engine.jobs == []


@pytest.mark.parametrize(
    ("watch", "change", "names"),
    [
        (FINALIZED, lambda s: s.delete(), ["widget", "cleanup"]),
        (WATCH, lambda s: s.api.remove("example.com/v1", "Widget", "ns", "a"), ["widget"]),
        (replace(WATCH, cancel_on_change=True), lambda s: s.change(theSize=5), ["widget", "widget"]),
    ],
    ids=["being deleted", "gone", "changed"],
)
async def test_a_run_that_nobody_wants_any_more_is_ended(
    watch: watches.Watch, change: Change, names: list[str]
) -> None:
    async with scene(watch) as s:
        s.engine.go.clear()
        s.api.put(widget())
        await s.api.until(lambda: s.engine.running)
        change(s)
        await s.ends("cancelled")
        s.engine.go.set()
        await s.rests()
        assert [job.role for job in s.engine.jobs] == names
        assert s.events() == []
        assert s.results("failed") == 0


async def test_an_object_that_is_created_again_ends_the_run_of_the_old_one() -> None:
    async with scene() as s:
        s.engine.go.clear()
        s.api.put(widget())
        await s.api.until(lambda: s.engine.running)
        old = s.engine.jobs[0].extra_vars["_example_com_widget"]["metadata"]["uid"]
        s.api.remove("example.com/v1", "Widget", "ns", "a")
        s.api.put(widget(size=2))
        await s.ends("cancelled")
        s.engine.go.set()
        await s.ends("succeeded")
        assert s.engine.jobs[-1].extra_vars["_example_com_widget"]["metadata"]["uid"] != old
        assert s.conditions()["Successful"]["status"] == "True"


async def test_a_new_spec_leaves_a_run_alone_unless_asked_and_is_one_more_turn() -> None:
    async with scene() as s:
        s.engine.go.clear()
        s.api.put(widget())
        await s.api.until(lambda: s.engine.running)
        for size in (2, 3, 4):
            s.change(theSize=size)
        await s.api.until(lambda: len(s.reconciler.queue) == 1)
        s.engine.go.set()
        await s.ends("succeeded", 2)
        await s.rests()
        assert [job.extra_vars["the_size"] for job in s.engine.jobs] == [1, 4]
        assert (s.get() or {})["status"]["observedGeneration"] == (s.get() or {})["metadata"]["generation"]


async def test_a_kind_has_so_many_runs_at_a_time() -> None:
    async with scene(replace(WATCH, max_concurrent=2)) as s:
        s.engine.go.clear()
        for number in range(6):
            s.api.put(widget(f"w{number}"))
        await s.api.until(lambda: len(s.engine.running) == 2)
        s.engine.go.set()
        await s.ends("succeeded", 6)
        assert s.engine.most == 2


async def test_a_run_that_waits_for_its_kind_is_not_begun_for_an_object_that_has_gone() -> None:
    async with scene(replace(WATCH, max_concurrent=1)) as s:
        s.engine.go.clear()
        s.api.put(widget("first"))
        await s.api.until(lambda: s.engine.running)
        s.api.put(widget("second"))
        await s.api.until(lambda: len(s.reconciler._runs._running) == 2)
        s.api.remove("example.com/v1", "Widget", "ns", "second")
        await s.api.until(lambda: s.cache.get("example.com/v1", "Widget", "ns", "second") is None)
        s.engine.go.set()
        await s.ends("succeeded")
        await s.ends("cancelled")
        assert s.engine.names() == ["first"]
        assert s.engine.forgotten == ["example.com/v1/Widget/ns/second"]
