"""How a runner ends, and what follows: SIGTERM lets plays finish, SIGKILL loses nothing, a killed zygote is replaced, nothing is left behind."""

from __future__ import annotations

import os
import pathlib
import signal
import time
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.integration import bare_api_server, runner_process

pytestmark = pytest.mark.integration

NAMES = [f"w{number:02}" for number in range(40)]


@pytest.fixture
def setting(api_server: bare_api_server.BareAPIServer, tmp_path: pathlib.Path) -> Iterator[runner_process.Setting]:
    api_server.create_crd(runner_process.WIDGET_CRD)
    api_server.wait_crd("widgets.example.com")
    yield runner_process.Setting(api_server, tmp_path)
    widgets = runner_process.Widgets(api_server)
    widgets.release(widgets.all())


def gone(pids: list[int]) -> bool:
    return not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_sigterm_lets_the_plays_in_work_finish_and_begins_no_other(setting: runner_process.Setting) -> None:
    widgets = runner_process.Widgets(setting.api)
    with setting.runner("--workers", "2") as runner:
        widgets.create(NAMES[:8], seconds=3)
        runner_process.until("two plays in work", 180, lambda: len(setting.turns()) >= 2)
        pids, asked = runner.pids, runner_process.boot_time()
        runner.signal(signal.SIGTERM)
        assert runner.wait(60) == 0
    turns = setting.turns()
    assert all(turn.ended for turn in turns)
    assert not [turn for turn in turns if turn.begin > asked + 2]
    assert len(turns) < 8
    seen = {name for name, item in widgets.all().items() if (item.get("status") or {}).get("seen")}
    assert seen == {turn.key for turn in turns}, "their last writes went through"
    runner_process.until("no process is left", 60, lambda: gone(pids))


def test_a_play_that_outlasts_the_drain_is_cut_off(setting: runner_process.Setting) -> None:
    widgets = runner_process.Widgets(setting.api)
    with setting.runner("--drain", "1s") as runner:
        widgets.create(NAMES[:1], seconds=60)
        runner_process.until("a play in work", 180, setting.turns)
        pids, asked = runner.pids, time.monotonic()
        runner.signal(signal.SIGTERM)
        assert runner.wait(60) == 0
        assert time.monotonic() - asked < 30
    runner_process.until("no process is left", 60, lambda: gone(pids))
    assert [turn.ended for turn in setting.turns()] == [False]


def test_a_killed_runner_leaves_no_process_and_the_next_one_does_the_rest(setting: runner_process.Setting) -> None:
    widgets = runner_process.Widgets(setting.api)
    with setting.runner() as runner:
        widgets.create(NAMES, seconds=0.2)
        runner_process.until("some are done", 180, lambda: len(setting.turns()) > 10)
        pids = runner.pids
        runner.signal(signal.SIGKILL)
        assert runner.wait(60) == -signal.SIGKILL
        runner_process.until("no process is left", 60, lambda: gone(pids))
    assert widgets.unseen(), "it was killed in the middle"
    with setting.runner():
        runner_process.until("the next one does the rest", 240, lambda: not widgets.unseen())
    assert not runner_process.overlapping(setting.turns())


def test_a_killed_zygote_is_replaced_and_its_plays_are_done_again(setting: runner_process.Setting) -> None:
    widgets = runner_process.Widgets(setting.api)
    with setting.runner() as runner:
        widgets.create(NAMES, seconds=0.2)
        runner_process.until("some are done", 180, lambda: len(setting.turns()) > 10)
        first = runner.zygote
        os.kill(first, signal.SIGKILL)
        runner_process.until("everything is reconciled", 240, lambda: not widgets.unseen())
        assert runner.zygote != first
        assert runner.get("/healthz")[0] == 200
        second = runner.zygote
        os.kill(second, signal.SIGKILL)
        runner_process.until("a zygote, though nobody asks for a play", 120, lambda: runner.zygote != second)
        runner_process.until("a healthy runner", 120, lambda: runner.get("/healthz")[0] == 200)
        assert runner.code() is None
    assert not runner_process.overlapping(setting.turns())
