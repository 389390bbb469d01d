"""Module detached_process, with real processes on a machine without cgroups to join."""

from __future__ import annotations

import fcntl
import os
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils import cgroup
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import cgroup_tree
from ansible_collections.playvirt.core.plugins.modules import detached_process


@pytest.fixture
def directory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    nothing = cgroup.Layout(version="v2", driver="cgroupfs", roots=(), controllers=(), v2_root=None, cpuset_root=None)
    monkeypatch.setattr(cgroup_tree, "read_layout", lambda: nothing)
    yield tmp_path / "run"
    for record in (tmp_path / "run").glob("*.json"):
        found = detached_process.detached.read_record(record.parent, record.stem)
        if found is not None and found.is_alive():
            os.kill(found.pid, signal.SIGKILL)
            os.waitpid(found.pid, 0)


def program(name: str, *argv: str, **options: Any) -> dict[str, Any]:
    defaults = {
        "environment": {},
        "cgroup": "/",
        "inside": None,
        "watched_files": [],
        "log": "/dev/null",
        "ready": None,
    }
    return {"name": name, "argv": list(argv) or ["sleep", "1000"], **defaults, **options}


def run(directory: pathlib.Path, *programs: dict[str, Any], state: str = "started", **options: Any) -> dict[str, Any]:
    params = {"directory": str(directory), "state": state, "programs": list(programs)}
    return detached_process.run(params, check_mode=options.get("check_mode", False))


def ready(**options: Any) -> dict[str, Any]:
    return {
        "url": None,
        "unix_socket": None,
        "authority": None,
        "certificate": None,
        "key": None,
        "seconds": 30.0,
        **options,
    }


def test_starts_once_and_then_leaves_alone(directory: pathlib.Path) -> None:
    first = run(directory, program("one"), program("two"))
    assert first["started"] == ["one", "two"]
    again = run(directory, program("one"), program("two"))
    assert not again["changed"]
    assert again["pids"] == first["pids"]


def test_starts_again_what_has_died(directory: pathlib.Path) -> None:
    pids = run(directory, program("one"), program("two"))["pids"]
    os.kill(pids["two"], signal.SIGKILL)
    os.waitpid(pids["two"], 0)
    again = run(directory, program("one"), program("two"))
    assert again["started"] == ["two"]
    assert again["pids"]["one"] == pids["one"]


def test_a_changed_file_restarts(directory: pathlib.Path, tmp_path: pathlib.Path) -> None:
    watched = tmp_path / "config"
    watched.write_text("one")
    pids = run(directory, program("one", watched_files=[str(watched)]))["pids"]
    watched.write_text("two")
    again = run(directory, program("one", watched_files=[str(watched)]))
    assert (again["started"], again["stopped"]) == (["one"], ["one"])
    assert again["pids"]["one"] != pids["one"]


def test_stops(directory: pathlib.Path) -> None:
    pids = run(directory, program("one"))["pids"]
    assert run(directory, program("one"), state="stopped")["stopped"] == ["one"]
    assert os.WTERMSIG(os.waitpid(pids["one"], 0)[1]) == signal.SIGTERM
    assert not run(directory, program("one"), state="stopped")["changed"]


def test_waits_until_it_is_ready(directory: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "socket"
    listen = (
        f"import socket; s = socket.socket(socket.AF_UNIX); s.bind({str(path)!r}); s.listen(); s.accept(); s.accept()"
    )
    result = run(directory, program("one", "python3", "-c", listen, ready=ready(unix_socket=str(path))))
    assert result["started"] == ["one"]
    assert path.exists()


def test_a_program_that_ends_is_an_error_with_its_last_words(directory: pathlib.Path, tmp_path: pathlib.Path) -> None:
    log = str(tmp_path / "log")
    speak = "echo 'no configuration' >&2; exit 1"
    with pytest.raises(errors.CommandFailed, match="(?s)one ended.*no configuration"):
        run(directory, program("one", "sh", "-c", speak, log=log, ready=ready(unix_socket=str(tmp_path / "never"))))


def test_a_program_that_does_not_get_ready_is_named_with_its_log(
    directory: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    slow = program("one", log=str(tmp_path / "log"), ready=ready(unix_socket=str(tmp_path / "never"), seconds=0.0))
    with pytest.raises(errors.NotReady, match=r"one is not ready after 0 s .*its log is"):
        run(directory, slow)


def test_check_mode_starts_and_stops_nothing(directory: pathlib.Path) -> None:
    assert run(directory, program("one"), check_mode=True)["started"] == ["one"]
    assert not directory.exists()
    pid = run(directory, program("one"))["pids"]["one"]
    assert run(directory, program("one"), state="stopped", check_mode=True)["stopped"] == ["one"]
    os.kill(pid, 0)


def test_two_starts_at_a_time_follow_each_other(directory: pathlib.Path) -> None:
    with detached_process.detached.locked(directory), open(directory / ".lock") as second:
        with pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(directory / ".lock") as second:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
