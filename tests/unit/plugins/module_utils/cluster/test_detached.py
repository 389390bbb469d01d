"""Records of processes, and the start and end of real ones."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
import subprocess
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils import cgroup
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import detached

#: a machine without hierarchies: nothing to join, so that no test needs root
NO_CGROUPS = cgroup.Layout(version="v2", driver="cgroupfs", roots=(), controllers=(), v2_root=None, cpuset_root=None)
SYSTEMD = dataclasses.replace(NO_CGROUPS, driver="systemd", roots=("/sys/fs/cgroup",))


def program(tmp_path: pathlib.Path, *argv: str, inside: str | None = None) -> detached.Program:
    return detached.Program(
        name="sleeper",
        argv=argv or ("sleep", "1000"),
        environment={"COLOUR": "blue"},
        cgroup="/playvirt/test",
        inside=inside,
        watched_files=(str(tmp_path / "watched"),),
        log=str(tmp_path / "log" / "sleeper.log"),
    )


@pytest.fixture
def directory(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    (tmp_path / "watched").write_text("one")
    yield tmp_path
    record = detached.read_record(tmp_path, "sleeper")
    if record is not None and record.is_alive():
        os.kill(record.pid, signal.SIGKILL)
        os.waitpid(record.pid, 0)


def reap(pid: int) -> int:
    """The exit status of a child: in life its parent is long gone and init reaps it."""
    return os.waitpid(pid, 0)[1]


def test_start_records_a_living_process_in_its_own_session(directory: pathlib.Path) -> None:
    record = detached.start(directory, program(directory), NO_CGROUPS)
    assert record.is_alive()
    assert detached.read_record(directory, "sleeper") == record
    assert os.getsid(record.pid) == record.pid


def test_a_process_gets_its_environment(directory: pathlib.Path) -> None:
    os.mkfifo(directory / "go")
    teller = program(directory, "sh", "-c", f'read line <{directory}/go; echo "$COLOUR"')
    record = detached.start(directory, teller, NO_CGROUPS)
    (directory / "go").write_text("\n")
    assert reap(record.pid) == 0
    assert (directory / "log" / "sleeper.log").read_text() == "blue\n"


def test_output_goes_to_the_log(directory: pathlib.Path) -> None:
    os.mkfifo(directory / "go")
    talker = program(directory, "sh", "-c", f"read line <{directory}/go; echo out; echo err >&2")
    record = detached.start(directory, talker, NO_CGROUPS)
    (directory / "go").write_text("go\n")
    assert reap(record.pid) == 0
    assert detached.last_lines(talker.log) == "out\nerr\n"
    assert not record.is_alive()


def test_the_same_pid_with_another_start_or_from_another_boot_is_a_stranger(directory: pathlib.Path) -> None:
    record = detached.start(directory, program(directory), NO_CGROUPS)
    assert not dataclasses.replace(record, start_ticks=record.start_ticks + 1).is_alive()
    assert not dataclasses.replace(record, boot_id="another boot").is_alive()


def test_stop_leaves_a_stranger_alone_and_removes_the_record(directory: pathlib.Path) -> None:
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        (directory / "sleeper.json").write_text(
            f'{{"pid": {stranger.pid}, "start_ticks": 1, "boot_id": "{detached.boot_id()}", "fingerprint": ""}}'
        )
        assert not detached.stop(directory, "sleeper")
        assert stranger.poll() is None
        assert detached.read_record(directory, "sleeper") is None
    finally:
        stranger.kill()
        stranger.wait()


def test_stop_ends_the_process(directory: pathlib.Path) -> None:
    record = detached.start(directory, program(directory), NO_CGROUPS)
    assert detached.stop(directory, "sleeper")
    assert os.WTERMSIG(reap(record.pid)) == signal.SIGTERM
    assert not detached.stop(directory, "sleeper")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_record_cut_short_is_no_record(directory: pathlib.Path, text: str) -> None:
    (directory / "sleeper.json").write_text(text)
    assert detached.read_record(directory, "sleeper") is None


def test_fingerprint_follows_command_and_watched_files(directory: pathlib.Path) -> None:
    before = program(directory).fingerprint()
    assert program(directory).fingerprint() == before
    assert program(directory, "sleep", "999").fingerprint() != before
    (directory / "watched").write_text("two")
    assert program(directory).fingerprint() != before


def test_a_program_inside_another_waits_for_that_one(directory: pathlib.Path) -> None:
    with pytest.raises(errors.NotReady, match="namespaces of node01, which does not run"):
        detached.start(directory, program(directory, inside="node01"), NO_CGROUPS)


def test_cgroups_are_joined_by_the_process_itself_or_through_systemd() -> None:
    layout = dataclasses.replace(NO_CGROUPS, roots=("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/pids"))
    assert (
        detached.joining(layout, "/playvirt/a1")[-1] == "/sys/fs/cgroup/cpu/playvirt/a1 /sys/fs/cgroup/pids/playvirt/a1"
    )
    assert "--slice=playvirt-a1.slice" in detached.joining(SYSTEMD, "/playvirt/a1")


def test_start_ticks_reads_names_with_parentheses(tmp_path: pathlib.Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(str(number) for number in range(1, 40))
    (tmp_path / "7" / "stat").write_text(f"7 (a) b) S {fields}\n")
    assert detached.start_ticks(7, tmp_path) == 19
    (tmp_path / "7" / "stat").write_text(f"7 (a) Z {fields}\n")
    assert detached.start_ticks(7, tmp_path) is None
    assert detached.start_ticks(8, tmp_path) is None
