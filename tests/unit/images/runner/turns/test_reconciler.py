"""The reconciler with a real cache, queue, watcher and fake API server; plays and planners are stateful fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.engine import engine, job
from ansible_collections.playvirt.core.images.runner.settings import object_settings
from ansible_collections.playvirt.core.images.runner.turns import restless
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan as plan_file
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import reading
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets
from ansible_collections.playvirt.core.tests.unit.images.runner.turns import scenes

Plan = plan_file.Plan


def widget(name: str, size: int = 1, **meta: Any) -> dict[str, Any]:
    return widgets.widget(name, spec={"size": size}, **meta)


class FakePlanner:
    """Plans with a function; counts."""

    STEPS = ("grow",)
    FAILED: Mapping[str, str] = {"type": "Grown", "status": "False", "reason": "GrowFailed"}

    def __init__(self, decide: Callable[[Mapping[str, Any]], Plan]) -> None:
        self.decide = decide
        self.planned: list[str] = []

    def observe(self, obj: Mapping[str, Any], reader: reading.Reader) -> dict[str, Any]:
        return {"same": reader.get("example.com/v1", "Widget", "ns", obj["metadata"]["name"])}

    def plan(self, obj: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> Plan:
        assert observed["same"] is obj
        assert now.endswith("Z")
        self.planned.append(obj["metadata"]["name"])
        return self.decide(obj)


@asynccontextmanager
async def scene(
    decide: Callable[[Mapping[str, Any]], Plan] | None = None, *, period: float = 0.0
) -> AsyncIterator[scenes.Scene]:
    """A scene with that planner, or with none."""
    watch = replace(scenes.PLAIN, planner="widget" if decide else None, reconcile_period=period)
    planners = {"widget": FakePlanner(decide)} if decide else {}
    async with scenes.scene(watch, planners=planners, access=None) as found:
        yield found


def sized(obj: Mapping[str, Any]) -> Plan:
    """Status follows the spec; a size over 10 needs a play."""
    size = obj["spec"]["size"]
    if (obj.get("status") or {}).get("size") == size:
        return Plan()
    if size > 10:
        return Plan(steps={"grow": {"size": size}}, status={"size": size})
    return Plan(status={"size": size})


async def test_an_empty_plan_costs_nothing_and_a_status_costs_one_write() -> None:
    async with scene(sized) as s:
        s.api.put({**widget("done", 1), "status": {"size": 1}})
        s.api.put(widget("new", 2))
        await s.api.until(lambda: s.status("new") == {"size": 2})
        await s.ends("unchanged", 2)
        assert [(seen.method, seen.path) for seen in s.api.writes()] == [
            ("PUT", "/apis/example.com/v1/namespaces/ns/widgets/new/status")
        ]
        assert s.engine.jobs == []


async def test_steps_are_played_with_the_variables_and_planned_again_after() -> None:
    async with scene(sized) as s:

        def play(job: engine.Job) -> None:
            name = job.extra_vars["ansible_operator_meta"]["name"]
            stored = s.api.get("example.com/v1", "Widget", "ns", name) or {}
            written = s.api.put({**stored, "status": {"size": stored["spec"]["size"]}})
            s.cache.written(written)

        s.engine.play = play
        s.api.put(widget("big", 20))
        await s.ends("unchanged")
        (job,) = s.engine.jobs
        assert job.role == "widget"
        assert job.extra_vars["size"] == 20
        assert job.variables == {"more": True}
        assert job.extra_vars["_example_com_widget"]["metadata"]["name"] == "big"
        assert s.results("succeeded") == 1


async def test_a_key_is_never_played_twice_at_once_and_events_meanwhile_are_one_more_turn() -> None:
    async with scene() as s:
        s.engine.go.clear()
        for number in range(20):
            s.api.put(widget(f"w{number}"))
        await s.api.until(lambda: len(s.engine.running) == 20)
        for size in (2, 3, 4):
            s.api.put(widget("w0", size))
        await s.api.until(lambda: (s.cache.get("example.com/v1", "Widget", "ns", "w0") or {})["spec"]["size"] == 4)
        s.engine.go.set()
        await s.ends("succeeded", 21)
        assert s.engine.names().count("w0") == 2
        assert s.engine.jobs[-1].extra_vars["size"] == 4


async def test_a_status_that_meets_a_newer_object_is_planned_again() -> None:
    async with scene(sized) as s:
        s.api.put({**widget("a", 1), "status": {"size": 1}})
        await s.ends("unchanged")
        stored = s.api.get("example.com/v1", "Widget", "ns", "a") or {}
        s.api.frozen.clear()  # the watch says nothing more, requests wait
        s.api.cut()
        s.cache.apply(
            next(iter(s.cache._feeds)),
            "MODIFIED",
            {
                **stored,
                "spec": {"size": 5},
                "metadata": {**stored["metadata"], "resourceVersion": "9000", "generation": 9},
            },
        )
        s.api.store.version = 9000
        s.api.put({**stored, "spec": {"size": 6}})
        s.api.frozen.set()
        await s.api.until(lambda: s.status("a") == {"size": 6})
        assert s.api.writes()[0].body["metadata"]["resourceVersion"] == "9000"


async def test_a_failed_play_is_tried_again_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    async with scene() as s:
        s.engine.result = lambda job: engine.RunResult(ok=len(s.engine.jobs) > 2, task="Do", message="it broke")
        s.api.put(widget("a"))
        await s.ends("succeeded")
        assert s.results("failed") == 2
        failed = [record for record in caplog.records if record.message == "play failed"]
        told = vars(failed[0])["fields"]
        assert (told["object"], told["task"], told["error"]) == ("ns/a", "Do", "it broke")


async def test_a_run_that_was_broken_off_is_told_on_the_object() -> None:
    """No rescue of the role could tell: its process had ended."""
    async with scene(sized) as s:
        s.engine.result = lambda given: job.failed("Grow it", "the worker process ended during the play (exit code 1)")
        s.engine.play = lambda given: s.engine.go.clear() if len(s.engine.jobs) == 2 else None
        s.api.put(widget("a", 20))
        await s.ends("failed", 2)
        (told,) = s.status("a")["conditions"]
        message = "Grow it: the worker process ended during the play (exit code 1)"
        assert {**told, "lastTransitionTime": ""} == {
            **FakePlanner.FAILED,
            "message": message,
            "lastTransitionTime": "",
        }
        (event,) = s.events()
        assert (event["reason"], event["message"], event["count"]) == ("ReconciliationFailed", message, 2)
        assert (event["involvedObject"]["kind"], event["involvedObject"]["name"]) == ("Widget", "a")


async def test_a_failure_that_stays_is_told_as_an_event_and_its_condition_is_the_roles() -> None:
    async with scene(sized) as s:
        s.engine.result = lambda given: engine.RunResult(ok=False, task="Fail", message="Grow it: no room")
        s.api.put(widget("a", 20))
        await s.ends("failed", 1)
        assert s.events() == [], "it may pass by itself"
        await s.ends("failed", 2)
        (event,) = s.events()
        assert event["message"] == "Grow it: no room"
        assert not s.status("a")


async def test_a_planner_that_fails_leaves_the_report_to_the_role() -> None:
    def decide(obj: Mapping[str, Any]) -> Plan:
        raise errors.InvalidObject("spec.size is wrong", field="spec.size")

    async with scene(decide) as s:
        s.api.put(widget("a"))
        await s.ends("succeeded")
        assert s.engine.names() == ["a"]


async def test_a_planner_that_waits_is_asked_again_without_a_play() -> None:
    waits = 2

    def decide(obj: Mapping[str, Any]) -> Plan:
        nonlocal waits
        waits -= 1
        if waits >= 0:
            raise errors.NotReady("not yet", delay_seconds=0.01)
        return Plan()

    async with scene(decide) as s:
        s.api.put(widget("a"))
        await s.ends("unchanged")
        assert s.results("waiting") == 2
        assert s.engine.jobs == []


async def test_requeue_after_and_the_period_bring_a_key_back() -> None:
    async with scene(lambda obj: Plan(requeue_after=0.01 if obj["metadata"]["name"] == "a" else None)) as s:
        s.api.put(widget("a"))
        await s.ends("unchanged", 3)
    async with scene(lambda obj: Plan(), period=0.01) as s:
        s.api.put(widget("b"))
        await s.ends("unchanged", 3)
    async with scene(lambda obj: Plan()) as s:
        s.api.put(widget("c", annotations={object_settings.PERIOD_ANNOTATION: "10ms"}))
        await s.ends("unchanged", 3)


async def test_a_status_that_never_comes_to_rest_is_slowed_down(caplog: pytest.LogCaptureFixture) -> None:
    written = 0

    def decide(obj: Mapping[str, Any]) -> Plan:
        nonlocal written
        written += 1
        return Plan(status={"number": written})

    async with scene(decide) as s:
        s.api.put(widget("a"))
        await s.ends("status", restless.TURNS)
        assert "does not come to rest" in [record.message for record in caplog.records]
        assert s.reconciler.queue._held
        s.api.put({**(s.api.get("example.com/v1", "Widget", "ns", "a") or {}), "spec": {"size": 2}})
        await s.ends("status", restless.TURNS + 1)


async def test_an_object_that_is_gone_is_forgotten() -> None:
    async with scene(lambda obj: Plan(requeue_after=0.02)) as s:
        s.api.put(widget("a"))
        await s.ends("unchanged")
        s.api.remove("example.com/v1", "Widget", "ns", "a")
        await s.api.until(lambda: s.cache.list("example.com/v1", "Widget") == [])
        assert s.reconciler.queue._timers == {}


async def test_without_the_lease_nothing_is_written_or_played() -> None:
    async with scene(sized) as s:
        s.leading = False
        s.api.put(widget("a", 1))
        s.api.put(widget("b", 20))
        await s.ends("failed", 4)
        assert s.api.writes() == []
        assert s.engine.jobs == []


async def test_enqueue_looks_at_an_object_and_refuses_a_kind_that_is_not_watched() -> None:
    async with scene(lambda obj: Plan()) as s:
        s.api.put(widget("a"))
        await s.ends("unchanged")
        s.reconciler.enqueue("Widget", "ns", "a", "a service said so")
        await s.ends("unchanged", 2)
        s.reconciler.enqueue("Widget", "ns", "absent", "nothing happens")
        with pytest.raises(ValueError, match="Gadget is not watched"):
            s.reconciler.enqueue("Gadget", "ns", "a", "x")


async def test_a_queue_that_nobody_empties_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(lambda obj: Plan()) as s:
        s.api.put(widget("a"))
        await s.ends("unchanged")
        assert s.reconciler.problem() is None
        monkeypatch.setattr(s.reconciler.queue, "longest_wait", lambda: 61.0)
        assert s.reconciler.problem() == "a key has waited for 61 s while turns could begin"
        monkeypatch.setattr(s.reconciler._in_work, "locked", lambda: True)
        assert s.reconciler.problem() is None, "every turn that may be is in work"


async def test_drain_waits_for_running_plays() -> None:
    async with scene() as s:
        s.engine.go.clear()
        s.api.put(widget("a"))
        await s.api.until(lambda: set(s.engine.running) == {"a"})
        draining = asyncio.create_task(s.reconciler.drain(5))
        s.engine.go.set()
        await draining
        assert s.results("succeeded") == 1
