"""Finalizers and deletions: there before the first run, gone after the last, and runs of what others hold.

Real cache, queue and watcher; fake API server and engine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.tests.unit.fakes import runner_engine
from ansible_collections.playvirt.core.tests.unit.images.runner.turns.scenes import (
    FINALIZED,
    FINALIZER,
    WATCH,
    scene,
    widget,
)


async def test_an_object_whose_deletion_is_first_seen_when_its_status_is_written_is_finalized() -> None:
    async with scene(FINALIZED) as s:
        held = widget(finalizers=[FINALIZER])
        s.api.frozen.clear()
        s.api.put(held)
        s.delete()
        deleted = s.get() or {}
        older = {name: value for name, value in deleted["metadata"].items() if name != "deletionTimestamp"}
        older["resourceVersion"] = str(int(older["resourceVersion"]) - 1)
        s.cache.apply(WATCH.primary[0], "ADDED", {**deleted, "metadata": older})
        s.api.frozen.set()
        await s.ends("cancelled")
        await s.api.until(lambda: s.get() is None)
        assert [job.role for job in s.engine.jobs] == ["cleanup"]


async def test_a_finalizer_is_there_before_the_first_run_and_goes_after_the_last() -> None:
    async with scene(FINALIZED) as s:
        held: list[Any] = []
        s.engine.play = lambda job: held.append((job.role, ((s.get() or {})["metadata"].get("finalizers"))))
        s.api.put(widget(finalizers=["theirs"]))
        await s.ends("succeeded")
        assert held == [("widget", ["theirs", FINALIZER])]
        assert s.engine.jobs[0].extra_vars["_example_com_widget"]["metadata"]["finalizers"] == ["theirs", FINALIZER]
        s.delete()
        await s.ends("succeeded", 2)
        await s.rests()
        assert held[1:] == [("cleanup", ["theirs", FINALIZER])]
        job = s.engine.jobs[1]
        assert job.variables == {"state": "absent", "more": True}
        assert (s.get() or {})["metadata"]["finalizers"] == ["theirs"]
        assert s.engine.names() == ["a", "a"], "theirs is not our business"


async def test_a_finalizer_run_that_fails_or_wants_to_come_again_keeps_the_finalizer() -> None:
    async with scene(FINALIZED) as s:
        s.api.put(widget())
        await s.ends("succeeded")
        answers = [
            runner_engine.failed("Clean up", "busy"),
            engine.RunResult(ok=True, requeue_after=0.01),
            engine.RunResult(ok=True),
        ]
        seen: list[Any] = []

        def result(job: engine.Job) -> engine.RunResult:
            seen.append((s.get() or {})["metadata"]["finalizers"])
            return answers[len(seen) - 1]

        s.engine.result = result
        s.delete()
        await s.api.until(lambda: s.get() is None)
        assert seen == [[FINALIZER]] * 3
        assert [event["message"] for event in s.events()] == ["Clean up: busy"]


async def test_an_object_that_is_deleted_without_our_finalizer_gets_no_run() -> None:
    for watch in (FINALIZED, WATCH):
        async with scene(watch) as s:
            s.api.put(widget(finalizers=["theirs"], deletionTimestamp="2026-01-01T00:00:00Z"))
            await s.ends("unchanged")
            assert s.engine.jobs == []
            assert s.api.writes() == []


async def test_on_delete_run_executes_the_role_while_others_hold_the_object() -> None:
    async with scene(replace(WATCH, runs_on_delete=True)) as s:
        s.api.put(widget(finalizers=["theirs"]))
        await s.ends("succeeded")
        s.delete()
        await s.ends("succeeded", 2)
        assert s.engine.jobs[1].role == "widget"
        assert "deletionTimestamp" in s.engine.jobs[1].extra_vars["_example_com_widget"]["metadata"]
        assert (s.get() or {})["metadata"]["finalizers"] == ["theirs"]


async def test_a_finalizer_that_meets_another_writer_is_written_on_what_is_there() -> None:
    async with scene(FINALIZED) as s:
        s.api.fail("PATCH", "/apis/example.com/v1/namespaces/ns/widgets/a", code=409, reason="Conflict", times=2)
        s.api.put(widget())
        await s.ends("succeeded")
        assert (s.get() or {})["metadata"]["finalizers"] == [FINALIZER]
        s.api.fail("PATCH", "/apis/example.com/v1/namespaces/ns/widgets/b", code=404, reason="NotFound")
        s.api.put(widget("b"))
        await s.ends("gone")
        assert s.engine.names() == ["a"]
