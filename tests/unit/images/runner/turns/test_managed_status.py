"""The status that turns keep as ansible-operator does: conditions, results, Events of failures, other writers.

Real cache, queue and watcher; fake API server and engine.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.images.runner.settings import object_settings
from ansible_collections.playvirt.core.images.runner.watching import cache
from ansible_collections.playvirt.core.tests.unit.fakes import runner_engine
from ansible_collections.playvirt.core.tests.unit.images.runner.turns.scenes import (
    WATCH,
    scene,
    widget,
)


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


async def test_a_turn_without_managed_status_writes_nothing() -> None:
    async with scene(replace(WATCH, manage_status=False)) as s:
        s.api.put(widget())
        await s.ends("succeeded")
        assert s.api.writes() == []
