"""Running programs: results, and messages that a person can use. Real programs of every Linux system."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.plugins.module_utils import process
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


def test_run_returns_what_the_program_wrote() -> None:
    done = process.run(["sh", "-c", "cat; echo warning >&2"], timeout_seconds=10, stdin="héllo")
    assert done == process.Completed(stdout="héllo", stderr="warning\n")


def test_run_without_stdin_reads_nothing() -> None:
    assert process.run(["cat"], timeout_seconds=10).stdout == ""


def test_run_env_is_the_whole_environment() -> None:
    assert process.run(["/usr/bin/env"], timeout_seconds=10, env={"ONE": "1"}).stdout == "ONE=1\n"


def test_run_failure_has_a_command_line_to_paste() -> None:
    with pytest.raises(errors.CommandFailed) as caught:
        process.run(["sh", "-c", "echo 'no such thing' >&2; exit 3"], timeout_seconds=10)
    assert (
        str(caught.value) == """`sh -c 'echo '"'"'no such thing'"'"' >&2; exit 3'` ended with code 3: no such thing"""
    )
    assert (caught.value.returncode, caught.value.stderr) == (3, "no such thing")


def test_run_failure_never_shows_stdin() -> None:
    with pytest.raises(errors.CommandFailed) as caught:
        process.run(["sh", "-c", "cat >/dev/null; exit 1"], timeout_seconds=10, stdin="s3cret")
    assert "s3cret" not in str(caught.value)


def test_run_failure_keeps_the_end_of_a_long_stderr() -> None:
    with pytest.raises(errors.CommandFailed) as caught:
        process.run(["sh", "-c", "seq 1 5000 >&2; exit 1"], timeout_seconds=10)
    assert caught.value.stderr.startswith("[...] ")
    assert caught.value.stderr.endswith("4999\n5000")
    assert len(caught.value.stderr) <= process.STDERR_LIMIT + len("[...] ")


def test_run_killed_names_the_signal() -> None:
    with pytest.raises(errors.CommandFailed, match=r"was killed by signal 9"):
        process.run(["sh", "-c", "kill -9 $$"], timeout_seconds=10)


def test_run_timeout_kills_and_says_so() -> None:
    with pytest.raises(errors.CommandFailed, match=r"`cat /dev/zero` did not end within 0.05 s") as caught:
        process.run(["cat", "/dev/zero"], timeout_seconds=0.05)
    assert caught.value.returncode is None


def test_run_missing_program() -> None:
    with pytest.raises(errors.CommandFailed, match=r"`/nonexistent/program` did not start: No such file"):
        process.run(["/nonexistent/program"], timeout_seconds=10)
