"""Turns as ansible-operator takes them: status, finalizers, requeue, cancelled runs; real cache, queue, watcher, fake API server and engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest
from ansible_collections.playvirt.core.images.runner import services
from ansible_collections.playvirt.core.images.runner.api import api_client, credentials
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.images.runner.settings import object_filter, object_settings, watches
from ansible_collections.playvirt.core.images.runner.telemetry import metrics
from ansible_collections.playvirt.core.images.runner.turns import reconciler, workqueue
from ansible_collections.playvirt.core.images.runner.watching import cache, watcher
from ansible_collections.playvirt.core.plugins.module_utils.api import kinds
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api, runner_engine

WIDGET = kinds.Resource("example.com/v1", "Widget", "widgets")
CONFIG_MAP = ("v1", "ConfigMap", "ns", "plain")
FINALIZER = "example.com/finalizer"
STATS = {"ok": 3, "changed": 1, "skipped": 2, "failures": 0, "dark": 0, "rescued": 0, "ignored": 0}
WATCH = watches.Watch(
    name="widgets",
    api_version="example.com/v1",
    kind="Widget",
    role="widget",
    primary=(cache.Source(api_version="example.com/v1", kind="Widget"),),
    manage_status=True,
    snake_case=True,
    variables={"more": True},
)
FINALIZED = replace(
    WATCH,
    finalizer=watches.Finalizer(name=FINALIZER, content=watches.Content(role="cleanup"), variables={"state": "absent"}),
)


def widget(name: str = "a", size: int = 1, **meta: Any) -> dict[str, Any]:
    meta = {"namespace": "ns", "name": name, **meta}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta, "spec": {"theSize": size}}


class FakeAccess:
    """Sessions as the proxy gives them: counted, closed."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.given: list[str] = []

    @contextmanager
    def session(self, index: int, watch: watches.Watch, obj: cache.Object) -> Any:
        name = obj["metadata"]["name"]
        self.open.append(name)
        self.given.append(name)
        try:
            yield {"K8S_AUTH_KUBECONFIG": f"/kubeconfig/{index}/{name}"}
        finally:
            self.open.remove(name)


class Scene:
    """Everything but the processes of an engine."""

    def __init__(self, api: kube_api.KubeAPI, client: api_client.APIClient, watch: watches.Watch) -> None:
        self.api = api
        self.cache = cache.Cache(watch.primary)
        self.engine = runner_engine.FakeEngine()
        self.engine.result = lambda job: engine.RunResult(ok=True, stats=STATS)
        self.access = FakeAccess()
        self.metrics = metrics.Metrics()
        self.watcher = watcher.Watcher(
            client, self.cache, watch.primary[0], timing=watcher.Timing(first_delay=0.01, longest_delay=0.02)
        )
        self.reconciler = reconciler.Reconciler(
            reconciler.Parts(
                watches=(watch,),
                cache=self.cache,
                client=client,
                engine=cast(engine.Engine, self.engine),
                reader=services.CacheReader(self.cache),
                planners={},
                metrics=self.metrics,
                access=self.access,
                backoff=workqueue.Backoff(first=0.01, longest=0.02, jitter=0),
            )
        )

    def results(self, result: str) -> float:
        labels = {"GVK": "widgets", "result": result}
        return self.metrics.registry.get_sample_value("ansible_operator_reconcile_result", labels) or 0.0

    async def ends(self, result: str, count: int = 1) -> None:
        await self.api.until(lambda: self.results(result) >= count)

    async def rests(self) -> None:
        """Wait until nothing is queued or in work any more, also after the events of the last writes have come."""
        newest = self.api.store.version
        await self.api.until(lambda: int(self.watcher._version or 0) >= newest)
        await self.api.until(lambda: not len(self.reconciler.queue) and not self.reconciler.queue.working)

    def get(self, name: str = "a") -> dict[str, Any] | None:
        return self.api.get("example.com/v1", "Widget", "ns", name)

    def conditions(self, name: str = "a") -> dict[str, dict[str, Any]]:
        status = (self.get(name) or {}).get("status") or {}
        return {condition["type"]: condition for condition in status.get("conditions") or []}

    def change(self, name: str = "a", **spec: Any) -> None:
        found = self.get(name)
        assert found is not None
        self.api.put({**found, "spec": {**found["spec"], **spec}})

    def delete(self, name: str = "a") -> None:
        found = self.api.store.objects[("example.com/v1", "Widget", "ns", name)]
        self.api.store.delete(WIDGET, found)

    def events(self) -> list[dict[str, Any]]:
        return self.api.all("v1", "Event")


@asynccontextmanager
async def scene(watch: watches.Watch = WATCH) -> AsyncIterator[Scene]:
    async with kube_api.KubeAPI(extra_kinds=[WIDGET]) as api:
        async with api_client.APIClient(credentials.Credentials(api.url, None, lambda: None)) as client:
            found = Scene(api, client, watch)
            tasks = [asyncio.create_task(found.watcher.run()), asyncio.create_task(found.reconciler.run())]
            try:
                await found.watcher.synced.wait()
                yield found
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await found.reconciler.drain(0)


async def test_a_successful_run_is_told_in_the_status_and_its_own_writes_start_no_other() -> None:
    async with scene() as s:
        s.engine.go.clear()
        other = {"type": "Ready", "status": "Unknown", "reason": "Theirs", "message": "kept"}
        s.api.put({**widget(), "status": {"mine": 1, "conditions": [other]}})
        await s.api.until(lambda: "Running" in s.conditions())
        running = s.conditions()["Running"]
        assert (running["status"], running["reason"], running["message"]) == (
            "True",
            "Running",
            "Running reconciliation",
        )
        s.engine.go.set()
        await s.ends("succeeded")
        await s.rests()
        status = (s.get() or {})["status"]
        assert [c["type"] for c in status["conditions"]] == ["Ready", "Running", "Successful", "Failure"]
        assert (status["mine"], status["conditions"][0]) == (1, other)
        assert status["observedGeneration"] == (s.get() or {})["metadata"]["generation"]
        running, successful, failure = (s.conditions()[name] for name in ("Running", "Successful", "Failure"))
        assert (running["status"], running["reason"]) == ("True", "Successful")
        assert running["message"] == "Awaiting next reconciliation"
        counted = {name: value for name, value in running["ansibleResult"].items() if name != "completion"}
        assert counted == {"ok": 3, "changed": 1, "skipped": 2, "failures": 0}
        assert (successful["status"], successful["reason"]) == ("True", "Successful")
        assert successful["message"] == "Last reconciliation succeeded"
        assert (failure["status"], failure["reason"], failure["message"]) == ("False", "", "")
        assert s.engine.names() == ["a"]
        assert s.results("succeeded") == 1


async def test_a_role_gets_the_variables_and_the_access_of_ansible_operator() -> None:
    async with scene() as s:
        s.api.put(widget(size=7))
        await s.ends("succeeded")
        (job,) = s.engine.jobs
        assert (job.role, job.playbook) == ("widget", "")
        assert job.extra_vars["the_size"] == 7
        assert job.extra_vars["more"] is True
        assert job.extra_vars["ansible_operator_meta"] == {"name": "a", "namespace": "ns"}
        assert job.extra_vars["_example_com_widget_spec"] == {"theSize": 7}
        assert job.extra_vars["_example_com_widget"]["metadata"]["name"] == "a"
        assert job.extra_vars["playvirt_reasons"] == ["appeared"]
        assert job.environment == {"K8S_AUTH_KUBECONFIG": "/kubeconfig/0/a"}
        assert s.access.open == []


async def test_a_failed_run_names_its_task_in_the_condition_and_in_an_event_and_is_tried_again() -> None:
    async with scene() as s:
        hidden = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"
        failures = [runner_engine.failed("Make it", "no space left", ok=2, failures=1)] * 2
        failures.append(runner_engine.failed("Log in", hidden, ok=2, failures=1))
        s.engine.result = lambda job: (
            failures[len(s.engine.jobs) - 1] if len(s.engine.jobs) < 4 else engine.RunResult(ok=True)
        )
        s.engine.play = lambda job: s.engine.go.clear() if len(s.engine.jobs) == 3 else None
        s.api.put(widget())
        await s.ends("failed", 3)
        failure, running, successful = (s.conditions()[name] for name in ("Failure", "Running", "Successful"))
        assert (failure["status"], failure["reason"]) == ("True", "Failed")
        assert failure["message"] == f"Log in: {hidden}"
        assert (failure["ansibleResult"]["ok"], failure["ansibleResult"]["failures"]) == (2, 1)
        events = {event["message"]: event for event in s.events()}
        assert events["Make it: no space left"]["count"] == 2
        assert events["Make it: no space left"]["involvedObject"]["name"] == "a"
        assert events["Make it: no space left"]["type"] == "Warning"
        assert events["Make it: no space left"]["reason"] == "ReconciliationFailed"
        assert len(events) == 2
        assert successful["status"] == "False"
        s.engine.go.set()
        await s.ends("succeeded")
        await s.api.until(lambda: s.conditions()["Failure"]["status"] == "False")
        assert "ansibleResult" not in s.conditions()["Failure"]
        assert running["reason"] == "Running"


async def test_an_event_that_cannot_be_written_keeps_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    async with scene() as s:
        s.api.fail("POST", "/api/v1/namespaces/ns/events", code=403, reason="Forbidden")
        s.engine.result = lambda job: (
            engine.RunResult(ok=True) if len(s.engine.jobs) > 1 else runner_engine.failed("Make it", "no")
        )
        s.api.put(widget())
        await s.ends("succeeded")
        assert "event not written" in [record.message for record in caplog.records]
        assert s.events() == []


async def test_a_status_that_meets_another_writer_is_written_on_what_is_there() -> None:
    async with scene() as s:

        def play(job: engine.Job) -> None:
            found = s.get() or {}
            s.api.put({**found, "status": {**found["status"], "phase": "by the role"}})

        s.engine.play = play
        s.api.fail("PUT", "/apis/example.com/v1/namespaces/ns/widgets/a/status", code=409, reason="Conflict", times=2)
        s.api.put(widget())
        await s.ends("succeeded")
        assert (s.get() or {})["status"]["phase"] == "by the role"
        assert s.conditions()["Successful"]["status"] == "True"
        assert s.engine.names() == ["a"]


async def test_an_object_that_goes_before_its_run_begins_gets_none() -> None:
    async with scene() as s:
        path = "/apis/example.com/v1/namespaces/ns/widgets/a"
        s.api.fail("PUT", path + "/status", code=404, reason="NotFound")
        s.api.fail("GET", path, code=404, reason="NotFound")
        s.api.put(widget())
        await s.ends("gone")
        assert s.engine.jobs == []


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


async def test_a_status_that_is_always_faster_fails_the_turn_and_is_tried_again() -> None:
    async with scene() as s:
        s.api.fail("PUT", "/apis/example.com/v1/namespaces/ns/widgets/a/status", code=409, reason="Conflict", times=6)
        s.api.put(widget())
        await s.ends("succeeded")
        assert s.results("failed") == 1
        assert s.engine.names() == ["a"]


async def test_a_kind_without_a_status_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    source = cache.Source(api_version="v1", kind="ConfigMap")
    async with scene(replace(WATCH, api_version="v1", kind="ConfigMap", primary=(source,))) as s:
        s.api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "plain"}})
        s.api.fail("PUT", "/api/v1/namespaces/ns/configmaps/plain/status", code=404, reason="NotFound", times=99)
        await s.ends("failed")
        told = [
            vars(record)["fields"]["error"] for record in caplog.records if record.message == "reconciliation failed"
        ]
        assert "the kind has no status subresource" in told[0]
        assert "'manageStatus: false'" in told[0]
        assert s.engine.jobs == []


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
        assert (job.extra_vars["state"], job.extra_vars["more"]) == ("absent", True)
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


@pytest.mark.parametrize(
    ("annotation", "value", "told"),
    [
        (object_settings.PERIOD_ANNOTATION, "soon", "reconcile-period: 'soon' is not a duration"),
        (object_settings.VERBOSITY_ANNOTATION, "9", "verbosity: '9' is not a number from 0 to 7"),
        (object_settings.ARTIFACTS_ANNOTATION, "all", "max-runner-artifacts: 'all' is not a whole number"),
    ],
)
async def test_an_annotation_that_cannot_be_read_is_told_on_the_object(annotation: str, value: str, told: str) -> None:
    async with scene() as s:
        s.api.put(widget(annotations={annotation: value}))
        await s.ends("failed", 2)
        assert told in s.conditions()["Failure"]["message"]
        assert s.conditions()["Failure"]["reason"] == "Failed"
        assert s.engine.jobs == []
        assert told in s.events()[0]["message"]


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


Change = Callable[[Scene], None]


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


async def test_a_turn_without_managed_status_writes_nothing() -> None:
    async with scene(replace(WATCH, manage_status=False)) as s:
        s.api.put(widget())
        await s.ends("succeeded")
        assert s.api.writes() == []
