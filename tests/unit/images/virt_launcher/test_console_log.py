"""The console-log script, run as the container runs it. Coreutils' tail and util-linux' flock do the work."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import alive, console_log

WAIT_SECONDS = 60


class Bench:
    """A console-log process for a VMI, and the launcher's side of it."""

    def __init__(self, root: pathlib.Path) -> None:
        self.lock = root / "1111/alive"
        self.log = root / "1111/virt-serial0-log"
        self.held: int | None = None
        self.process = subprocess.Popen(
            ["bash", console_log.SCRIPT, str(self.lock), str(self.log)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def launcher_starts(self) -> None:
        self.held = alive.hold(str(self.lock))

    def launcher_ends(self) -> None:
        assert self.held is not None
        os.close(self.held)
        self.held = None

    def write(self, text: str, mode: str = "a") -> None:
        with self.log.open(mode) as file:
            file.write(text)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def end(self) -> tuple[str, int]:
        """What else it printed, and its exit code."""
        output, complaints = self.process.communicate(timeout=WAIT_SECONDS)
        assert complaints == b""
        return output.decode(), self.process.returncode


@pytest.fixture
def bench(tmp_path: pathlib.Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    if made.held is not None:
        made.launcher_ends()
    made.process.kill()
    made.process.communicate(timeout=WAIT_SECONDS)


def test_prints_all_of_the_log_and_ends_with_the_launcher(bench: Bench) -> None:
    bench.launcher_starts()
    bench.write("boot\n")
    assert bench.line() == "boot\n"
    bench.write("login:\n")
    assert bench.line() == "login:\n"
    bench.write("last words\nwithout newline")
    bench.launcher_ends()
    assert bench.end() == ("last words\nwithout newline\n", 0)


def test_a_prompt_without_end_of_line_is_shown(bench: Bench) -> None:
    bench.launcher_starts()
    bench.write("welcome\nguest login: ")
    assert bench.line() == "welcome\n"
    assert bench.line() == "guest login: \n"
    bench.write("root\n")
    assert bench.line() == "root\n"


def test_survives_truncation_and_replacement(bench: Bench) -> None:
    bench.launcher_starts()
    bench.write("a long first line\n")
    assert bench.line() == "a long first line\n"
    bench.write("new\n", mode="w")
    assert bench.line() == "new\n"
    bench.log.rename(bench.log.with_suffix(".old"))
    bench.write("replaced\n")
    assert bench.line() == "replaced\n"
    bench.launcher_ends()
    assert bench.end() == ("", 0)


def test_launcher_that_never_had_a_log(bench: Bench) -> None:
    bench.launcher_starts()
    bench.launcher_ends()
    assert bench.end() == ("", 0)


def test_sigterm_before_a_launcher_ends_it(bench: Bench) -> None:
    bench.process.send_signal(signal.SIGTERM)
    output, _ = bench.process.communicate(timeout=WAIT_SECONDS)
    assert output == b""


def test_sigterm_does_not_cut_off_the_guests_shutdown(bench: Bench) -> None:
    bench.launcher_starts()
    bench.write("running\n")
    assert bench.line() == "running\n"
    bench.process.send_signal(signal.SIGTERM)
    bench.write("Power down\n")
    assert bench.line() == "Power down\n"
    bench.launcher_ends()
    assert bench.end() == ("", 0)
