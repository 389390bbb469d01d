"""What a probe's process answers to the kubelet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import __main__ as program
from ansible_collections.playvirt.core.images.virt_launcher import probe
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import guest_agent

URI = "test:///default"


class Guest:
    """An agent; `failure` is what it answers to everything."""

    def __init__(self) -> None:
        self.failure: errors.HypervisorError | None = None
        self.pings = 0

    def ping(self, conn: Any, name: str, *, timeout_seconds: int) -> None:
        self.pings += 1
        if self.failure:
            raise self.failure

    def execute(self, conn: Any, name: str, command: Sequence[str], *, timeout_seconds: int) -> int:
        if self.failure:
            raise self.failure
        return 0 if command[0] == "true" else 7


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Guest:
    made = Guest()
    monkeypatch.setattr(guest_agent, "ping", made.ping)
    monkeypatch.setattr(guest_agent, "execute", made.execute)
    return made


def test_a_ping(guest: Guest) -> None:
    assert probe.run(URI, "ns_a", [], timeout_seconds=1) == 0
    assert guest.pings == 1


@pytest.mark.parametrize(
    ("command", "code", "said"), [("true", 0, ""), ("false", 1, "false in the guest ended with code 7\n")]
)
def test_a_command(guest: Guest, capsys: pytest.CaptureFixture[str], command: str, code: int, said: str) -> None:
    assert probe.run(URI, "ns_a", [command, "-x"], timeout_seconds=1) == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("command", [[], ["true"]])
def test_a_guest_that_does_not_answer(guest: Guest, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    guest.failure = errors.HypervisorError("Guest agent is not responding")
    assert probe.run(URI, "ns_a", command, timeout_seconds=1) == 1
    assert capsys.readouterr().err == "Guest agent is not responding\n"


def test_without_libvirtd(capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.run("qemu+unix:///session?socket=/nonexistent", "ns_a", [], timeout_seconds=1) == 1
    assert "connection to qemu+unix" in capsys.readouterr().err


def test_command_lines() -> None:
    start = ["probe", "--domain", "ns_a", "--timeout-seconds", "4"]
    options = program.parse_arguments([*start, "exec", "--", "cat", "-n", "--domain"])
    assert (options.domain, options.timeout_seconds, options.way) == ("ns_a", 4.0, "exec")
    assert options.program == ["cat", "-n", "--domain"]
    assert program.parse_arguments([*start, "guest-agent-ping"]).way == "guest-agent-ping"


@pytest.mark.parametrize("argv", [["probe"], ["probe", "--domain", "a"], ["probe", "--domain", "a", "exec"]])
def test_wrong_command_lines(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        program.main(argv)
    assert caught.value.code == 2
