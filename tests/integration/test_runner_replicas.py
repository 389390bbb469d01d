"""Two replicas, the leader stopped past its lease and continued: no write after it wakes, no object in the work of both.

The evidence is the API server's own audit log (each replica is a user of its own) and the role's record of its turns.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import os
import pathlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.tests.integration import bare_api_server, runner_process

pytestmark = pytest.mark.integration

LEASE_SECONDS, DEADLINE_SECONDS, RETRY_SECONDS = 10.0, 7.0, 0.5
# What had left before a replica was stopped may reach the API server, or a worker, so much later; far less than the lease takes to pass.
TRAVEL_SECONDS = 2.0
ELECTION = ("--leader-elect", "--lease-name", "recorder", "--workers", "3", "--lease-duration", f"{LEASE_SECONDS:g}s")
ELECTION += ("--lease-renew-deadline", f"{DEADLINE_SECONDS:g}s", "--lease-retry", f"{RETRY_SECONDS:g}s")
NAMES = [f"w{number}" for number in range(12)]
#: writes of each replica, so that "none" and "no overlap" say something
ENOUGH = 8


@pytest.fixture
def setting(api_server: bare_api_server.BareAPIServer, tmp_path: pathlib.Path) -> Iterator[runner_process.Setting]:
    api_server.create_crd(runner_process.WIDGET_CRD)
    api_server.wait_crd("widgets.example.com")
    found = runner_process.Setting(api_server, tmp_path)
    widgets = runner_process.Widgets(api_server)
    widgets.create(NAMES, seconds=0.4)
    yield found
    api_server.request("PATCH", LEASE, {"spec": {"holderIdentity": ""}}, content_type="application/merge-patch+json")
    widgets.release(NAMES)


LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/recorder"


class Changes:
    """Changes one object after the other, so that there is always a play in work and a write under way."""

    def __init__(self, widgets: runner_process.Widgets) -> None:
        self._widgets = widgets
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._change, daemon=True)
        self._thread.start()

    def _change(self) -> None:
        for number, name in enumerate(itertools.cycle(NAMES)):
            if self._ended.wait(0.1):
                return
            self._widgets.change([name], size=number)

    def stop(self) -> None:
        """No more."""
        self._ended.set()
        self._thread.join()


@dataclasses.dataclass(frozen=True)
class Write:
    """A request that changes something, as the API server saw it: times in seconds since the epoch."""

    by: str
    resource: str
    name: str
    code: int
    received: float
    answered: float
    body: Any


def seconds(text: str) -> float:
    """An RFC 3339 time as seconds since the epoch."""
    return datetime.datetime.fromisoformat(text).timestamp()


def writes(api: bare_api_server.BareAPIServer, since: float) -> list[Write]:
    """What the replicas asked for, in order of arrival."""
    found = [
        Write(
            by=event["user"]["username"],
            resource=event["objectRef"]["resource"],
            name=event["objectRef"].get("name", ""),
            code=event["responseStatus"]["code"],
            received=seconds(event["requestReceivedTimestamp"]),
            answered=seconds(event["stageTimestamp"]),
            body=event.get("requestObject") or {},
        )
        for event in api.audit()
        if event["user"]["username"] in ("first", "second")
    ]
    return sorted((write for write in found if write.received > since), key=lambda write: write.received)


def taken(api: bare_api_server.BareAPIServer, since: float, by: str) -> int:
    """How many statuses of widgets the API server took from a replica; what comes too late for a changed widget is refused and begins anew."""
    return sum(w.resource == "widgets" and w.by == by and w.code < 300 for w in writes(api, since))


def freeze_controller(runner: runner_process.RunnerProcess) -> list[int]:
    """Stop the controller alone."""
    runner.signal(signal.SIGSTOP)
    return [runner.pid]


def freeze(runner: runner_process.RunnerProcess) -> list[int]:
    """Stop everything; the workers a moment later, so that their writes lie ready in the controller's socket when it wakes, first of all."""
    pids = [runner.pid, *(pid for pid in runner.pids if pid != runner.pid)]
    for pid in (runner.zygote, runner.pid):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(1)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids


@pytest.mark.parametrize("whole", [False, True], ids=["the controller alone", "all its processes"])
def test_a_stopped_leader_writes_nothing_when_it_goes_on(setting: runner_process.Setting, whole: bool) -> None:
    began, widgets = time.time(), runner_process.Widgets(setting.api)
    with setting.runner(*ELECTION, name="first") as first:
        runner_process.until("the first leads", 240, lambda: first.logged("leading"))
        with setting.runner(*ELECTION, name="second") as second:
            runner_process.until("the second waits", 240, lambda: "standby" in second.get("/readyz")[1])
            changes = Changes(widgets)
            try:
                runner_process.until("writes of the first", 120, lambda: taken(setting.api, began, "first") > ENOUGH)
                frozen = freeze(first) if whole else freeze_controller(first)
                stopped, stopped_at = time.time(), runner_process.boot_time()
                runner_process.until("the second leads", 240, lambda: second.logged("leading"))
                runner_process.until("writes of the second", 120, lambda: taken(setting.api, began, "second") > ENOUGH)
                assert whole or first.wait(30) == -signal.SIGKILL, "its zygote ends it while it is stopped"
                continued, continued_at = time.time(), runner_process.boot_time()
                for pid in frozen if whole else ():
                    os.kill(pid, signal.SIGCONT)
                first.wait(60)
                time.sleep(3)
            finally:
                changes.stop()
            runner_process.until("everything is reconciled", 240, lambda: not widgets.unseen())
            assert second.stop() == 0
    done, turns = writes(setting.api, began), setting.turns()

    assert [write for write in done if write.by == "first" and write.received > stopped + TRAVEL_SECONDS] == []
    takeover = next(w.received for w in done if w.by == "second" and w.resource == "leases" and w.code < 300)
    renewed = max(w.received for w in done if w.by == "first" and w.resource == "leases" and w.code < 300)
    assert takeover - renewed >= LEASE_SECONDS
    assert continued > takeover
    for write in (write for write in done if write.resource == "widgets"):
        in_time = write.answered < renewed + DEADLINE_SECONDS if write.by == "first" else write.received > takeover
        assert in_time, write
    by = {name: taken(setting.api, began, name) for name in ("first", "second")}
    assert min(by.values()) > ENOUGH, by
    # Every write that the API server took belongs to a turn that a replica recorded, and the other way round.
    for write in (write for write in done if write.resource == "widgets" and write.code < 300):
        assert write.body["status"]["by"] == write.by
    for name, count in by.items():
        assert count <= sum(turn.by == name for turn in turns)

    assert not [turn for turn in turns if turn.by == "first" and turn.begin > stopped_at + TRAVEL_SECONDS]
    assert not [turn for turn in turns if turn.by == "first" and turn.last > continued_at + TRAVEL_SECONDS]
    if whole:  # frozen is not in work; its zygote ends it when it wakes
        turns = [dataclasses.replace(t, last=min(t.last, stopped_at)) if t.by == "first" else t for t in turns]
    assert not runner_process.overlapping(turns)
