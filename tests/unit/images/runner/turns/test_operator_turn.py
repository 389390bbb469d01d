"""Turns as ansible-operator takes them: variables, access, periods, annotations, filters, triggers.

Real cache, queue and watcher; fake API server and engine.
"""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.images.runner.settings import object_filter, object_settings
from ansible_collections.playvirt.core.images.runner.turns import reconciler
from ansible_collections.playvirt.core.images.runner.watching import cache
from ansible_collections.playvirt.core.tests.unit.fakes import runner_engine
from ansible_collections.playvirt.core.tests.unit.images.runner.turns.scenes import (
    FINALIZED,
    WATCH,
    scene,
    widget,
)


async def test_a_role_gets_the_variables_and_the_access_of_ansible_operator() -> None:
    async with scene() as s:
        s.api.put(widget(size=7))
        await s.ends("succeeded")
        (job,) = s.engine.jobs
        assert (job.role, job.playbook) == ("widget", "")
        assert job.extra_vars["the_size"] == 7
        assert job.variables == {"more": True}
        assert job.extra_vars["ansible_operator_meta"] == {"name": "a", "namespace": "ns"}
        assert job.extra_vars["_example_com_widget_spec"] == {"theSize": 7}
        assert job.extra_vars["_example_com_widget"]["metadata"]["name"] == "a"
        assert job.extra_vars["playvirt_reasons"] == ["appeared"]
        assert job.environment == {"K8S_AUTH_KUBECONFIG": "/kubeconfig/0/a"}
        assert s.access.open == []


async def test_turns_are_counted_under_the_names_of_ansible_operator() -> None:
    async with scene() as s:
        s.api.put(widget(creationTimestamp="2026-01-01T00:00:00Z"))
        await s.ends("succeeded")
        get, kind = s.metrics.registry.get_sample_value, {"GVK": "example.com/v1, Kind=Widget"}
        assert get("ansible_operator_reconciles_count", kind) == 1
        assert get("ansible_operator_reconcile_result", {**kind, "result": "succeeded"}) == 1
        assert get("playvirt_runner_play_duration_seconds_count", {**kind, "result": "ok"}) == 1
        queue = {"name": "widget-v1-controller", "controller": "widget-v1-controller"}
        assert get("workqueue_adds_total", queue) == 1
        where = {"group": "example.com", "version": "v1", "kind": "Widget", "namespace": "ns", "name": "a"}
        assert get("resource_created_at_seconds", where) == 1767225600
        s.api.remove("example.com/v1", "Widget", "ns", "a")
        await s.api.until(lambda: get("resource_created_at_seconds", where) is None)


async def test_an_object_without_a_spec_is_given_as_an_empty_one() -> None:
    source = cache.Source(api_version="v1", kind="ConfigMap")
    watch = replace(WATCH, api_version="v1", kind="ConfigMap", primary=(source,), manage_status=False)
    async with scene(watch) as s:
        s.api.put(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"namespace": "ns", "name": "plain"},
                "data": {"a": "b"},
            }
        )
        await s.ends("succeeded")
        assert s.engine.jobs[0].extra_vars["__configmap_spec"] == {}
        assert s.engine.jobs[0].extra_vars["__configmap"]["data"] == {"a": "b"}


async def test_requeue_after_and_the_period_bring_an_object_back() -> None:
    async with scene() as s:
        s.engine.result = lambda job: engine.RunResult(ok=True, requeue_after=0.01 if len(s.engine.jobs) < 3 else None)
        s.api.put(widget())
        await s.ends("succeeded", 3)
        assert s.conditions()["Running"]["reason"] == "Successful", "the play has ended: the status says so"
        assert s.engine.jobs[2].extra_vars["playvirt_reasons"] == [reconciler.TIMER_REASON]
    async with scene(replace(WATCH, reconcile_period=0.01)) as s:
        s.api.put(widget())
        await s.ends("succeeded", 3)
    async with scene() as s:
        s.api.put(widget(annotations={object_settings.PERIOD_ANNOTATION: "10ms"}))
        await s.ends("succeeded", 12)
        assert not s.reconciler.queue._held, "what time asks for is not restless"


async def test_what_the_period_asks_for_waits_for_everything_else() -> None:
    async with scene(replace(WATCH, reconcile_period=0.02, priority=3)) as s:
        s.engine.result = lambda job: engine.RunResult(ok=True, requeue_after=0.01 if len(s.engine.jobs) == 1 else None)
        s.api.put(widget(finalizers=["theirs"]))
        await s.ends("succeeded", 3)
        appeared, asked_for, by_period = [job.priority for job in s.engine.jobs[:3]]
        assert (appeared, asked_for, by_period) == (3, 3, -7)
    async with scene(replace(WATCH, runs_on_delete=True)) as s:
        s.api.put(widget(finalizers=["theirs"], deletionTimestamp="2026-01-01T00:00:00Z"))
        await s.ends("succeeded")
        assert s.engine.jobs[0].priority == 10


async def test_the_verbosity_of_the_object_wins() -> None:
    async with scene(replace(WATCH, verbosity=1)) as s:
        s.api.put(widget("a"))
        s.api.put(widget("b", annotations={object_settings.VERBOSITY_ANNOTATION: "5"}))
        await s.ends("succeeded", 2)
        assert {runner_engine.name_of(job): job.verbosity for job in s.engine.jobs} == {"a": 1, "b": 5}


async def test_artifacts_are_named_kept_as_told_and_forgotten_with_the_object() -> None:
    async with scene(replace(WATCH, max_artifacts=7)) as s:
        s.api.put(widget("a"))
        s.api.put(widget("b", annotations={object_settings.ARTIFACTS_ANNOTATION: "0"}))
        await s.ends("succeeded", 2)
        kept = {job.artifacts: job.keep_artifacts for job in s.engine.jobs}
        assert kept == {"example.com/v1/Widget/ns/a": 7, "example.com/v1/Widget/ns/b": 0}
        s.api.remove("example.com/v1", "Widget", "ns", "a")
        await s.api.until(lambda: s.engine.forgotten == ["example.com/v1/Widget/ns/a"])


async def test_a_filter_leaves_objects_alone_but_not_what_it_finalizes() -> None:
    async with scene(replace(FINALIZED, filter=object_filter.compile_filter("spec.theSize > `5`"))) as s:
        s.api.put(widget("small", 1))
        s.api.put(widget("big", 9))
        await s.ends("succeeded")
        await s.ends("unchanged")
        assert s.engine.names() == ["big"]
        assert "finalizers" not in (s.get("small") or {})["metadata"]
        s.change("big", theSize=2)
        await s.ends("unchanged", 2)
        s.delete("big")
        await s.api.until(lambda: s.get("big") is None)
        assert [job.role for job in s.engine.jobs] == ["widget", "cleanup"]


async def test_changes_of_the_status_start_a_run_where_asked_but_not_our_own() -> None:
    async with scene(replace(WATCH, status_trigger=True)) as s:
        s.api.put(widget())
        await s.ends("succeeded")
        await s.rests()
        assert s.engine.names() == ["a"]
        found = s.get() or {}
        s.api.put({**found, "status": {**found["status"], "phase": "Up"}})
        await s.ends("succeeded", 2)
        await s.rests()
        assert s.engine.jobs[1].extra_vars["playvirt_reasons"] == ["status changed"]
        assert len(s.engine.jobs) == 2
