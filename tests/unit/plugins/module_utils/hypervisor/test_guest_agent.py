"""Questions to an agent that answers, that is silent and that talks nonsense; libvirt's part is a fake that keeps the guest's processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import (
    bindings,
    connection,
    domain,
    guest_agent,
    statistics,
)

libvirt = pytest.importorskip("libvirt")
CONNECTED = "<target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>"


class Agent:
    """A guest with an agent. `answer` replaces what it says; `silent` is libvirt's time-out."""

    def __init__(self) -> None:
        self.programs: dict[str, dict[str, Any]] = {
            "true": {"exited": True, "exitcode": 0},
            "false": {"exited": True, "exitcode": 3},
            "killed": {"exited": True, "signal": 9},
            "sleep": {"exited": False},
        }
        self.started: list[str] = []
        self.answer: str | None = None
        self.silent = False
        self.asked: list[tuple[str, int]] = []

    def qemuAgentCommand(self, found: Any, request: str, timeout: int, flags: int) -> str:
        asked = json.loads(request)
        self.asked.append((asked["execute"], timeout))
        if self.silent:
            raise libvirt.libvirtError("Guest agent is not responding")
        return self.answer if self.answer is not None else json.dumps({"return": self._do(**asked)})

    def _do(self, execute: str, arguments: dict[str, Any] | None = None) -> Any:
        given = arguments or {}
        if execute == "guest-exec":
            self.started.append(given["path"])
            return {"pid": len(self.started)}
        if execute == "guest-exec-status":
            return self.programs[self.started[given["pid"] - 1]]
        return {}


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Agent:
    made = Agent()
    monkeypatch.setattr(bindings, "qemu_library", lambda: made)
    return made


@pytest.fixture
def name(conn: connection.Connection, domain_name: str, domain_xml: str) -> str:
    domain.define(conn, domain_xml)
    domain.create(conn, domain_name)
    return domain_name


def test_the_agent_is_asked_for_its_channel(
    conn: connection.Connection, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not guest_agent.is_connected(conn, name)
    monkeypatch.setattr(domain, "get_xml", lambda conn, name: f"<domain>{CONNECTED}</domain>")
    assert guest_agent.is_connected(conn, name)


@pytest.mark.parametrize(("program", "code"), [("true", 0), ("false", 3), ("killed", 137)])
def test_a_command_in_the_guest(conn: connection.Connection, name: str, agent: Agent, program: str, code: int) -> None:
    assert guest_agent.execute(conn, name, [program, "-x"], timeout_seconds=5) == code


def test_a_command_that_does_not_end(conn: connection.Connection, name: str, agent: Agent) -> None:
    with pytest.raises(errors.HypervisorError, match="sleep in the guest of domain .* did not end within 1 s"):
        guest_agent.execute(conn, name, ["sleep"], timeout_seconds=1)


def test_a_silent_agent(conn: connection.Connection, name: str, agent: Agent) -> None:
    agent.silent = True
    with pytest.raises(errors.HypervisorError, match="guest-ping of the guest agent of domain"):
        guest_agent.ping(conn, name, timeout_seconds=3)
    assert agent.asked == [("guest-ping", 3)]


@pytest.mark.parametrize("answer", ["", "garbage", "[]", "7", '"return"', '{"error": {}}', "[" * 100_000])
def test_an_agent_that_talks_nonsense(conn: connection.Connection, name: str, agent: Agent, answer: str) -> None:
    agent.answer = answer
    with pytest.raises(errors.HypervisorError, match="its answer makes no sense"):
        guest_agent.ping(conn, name, timeout_seconds=1)


@pytest.mark.parametrize("answer", ['{"return": 7}', '{"return": {"pid": "x"}}'])
def test_an_agent_that_answers_another_question(
    conn: connection.Connection, name: str, agent: Agent, answer: str
) -> None:
    agent.answer = answer
    with pytest.raises(errors.HypervisorError, match="true in the guest of domain .* did not end within 1 s"):
        guest_agent.execute(conn, name, ["true"], timeout_seconds=1)


def test_an_agent_that_does_not_tell_how_a_command_ended(conn: connection.Connection, name: str, agent: Agent) -> None:
    agent.answer = '{"return": {"exited": true}}'
    assert guest_agent.execute(conn, name, ["true"], timeout_seconds=1) == 128


def test_a_guest_is_shut_down_by_agent_and_button(
    conn: connection.Connection, name: str, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: list[str] = []
    monkeypatch.setattr(domain, "shutdown", lambda conn, name: pressed.append(name))
    guest_agent.shut_down(conn, name)
    assert (agent.asked, pressed) == ([], [name])
    monkeypatch.setattr(domain, "get_xml", lambda conn, name: CONNECTED)
    agent.silent = True
    guest_agent.shut_down(conn, name)
    assert (agent.asked, pressed) == ([("guest-shutdown", 1)], [name, name])


class Found:
    """A domain whose guest answers some of the questions."""

    def __init__(self, answers: dict[int, dict[str, Any]]) -> None:
        self.answers = answers
        self.limit = 0

    def agentSetResponseTimeout(self, seconds: int, flags: int) -> None:
        self.limit = seconds

    def guestInfo(self, question: int, flags: int) -> dict[str, Any]:
        if question not in self.answers:
            raise libvirt.libvirtError("unsupported")
        return self.answers[question]


class Connected:
    """A connection with one domain."""

    def __init__(self, found: Found) -> None:
        self.lookupByName: Callable[[str], Found] = lambda name: found


def test_information_leaves_out_what_the_agent_does_not_know() -> None:
    found = Found({libvirt.VIR_DOMAIN_GUEST_INFO_HOSTNAME: {"hostname": "web"}})
    told = guest_agent.information(Connected(found), "a", timeout_seconds=5)
    assert (told.connected, told.hostname, told.os) == (True, "web", {})
    assert found.limit == 5


def test_information_of_an_agent_that_answers_nothing() -> None:
    with pytest.raises(errors.HypervisorError, match="information of the guest agent of domain a"):
        guest_agent.information(Connected(Found({})), "a", timeout_seconds=5)


def test_statistics_are_numbers_and_short_texts() -> None:
    class Bulk(Connected):
        def domainListGetStats(self, domains: Any, wanted: int, flags: int) -> list[Any]:
            return [(domains[0], {"cpu.time": 5, "block.0.name": "vda" * 1000, "state.state": 1})]

    told = statistics.read(Bulk(Found({})), "a")
    assert (told["cpu.time"], len(str(told["block.0.name"]))) == (5, 100)


def test_no_statistics() -> None:
    class Bulk(Connected):
        def domainListGetStats(self, domains: Any, wanted: int, flags: int) -> list[Any]:
            return []

    with pytest.raises(errors.HypervisorError, match="libvirt has none"):
        statistics.read(Bulk(Found({})), "a")
