"""The module on libvirt's own test driver, a hypervisor in memory."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import domain, launcher_process, launcher_socket
from ansible_collections.playvirt.core.plugins.modules import libvirt_domain

libvirt = pytest.importorskip("libvirt")

URI = "test:///default"
XML = """<domain type='test'>
  <name>default_vm</name>
  <uuid>5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f</uuid>
  <memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>
</domain>
"""
BIGGER = XML.replace(">64<", ">128<")


@pytest.fixture
def hypervisor() -> Iterator[Any]:
    """A connection without the domain of these tests, before and after."""
    connection = libvirt.open(URI)
    run("absent")
    yield connection
    run("absent")
    connection.close()


def run(state: str, *, xml: str | None = None, check_mode: bool = False, name: str = "default_vm") -> dict[str, Any]:
    params = {"uri": URI, "pid": None, "pod_uid": None, "name": name, "xml": xml, "state": state}
    return libvirt_domain.run(params, check_mode=check_mode)


@pytest.mark.parametrize(
    ("wished", "state", "is_current", "actions"),
    [
        ("defined", "absent", False, ["define"]),
        ("defined", "running", False, ["define"]),
        ("defined", "shutoff", True, []),
        ("running", "absent", False, ["define", "create"]),
        ("running", "shutoff", True, ["create"]),
        ("running", "crashed", True, ["create"]),
        ("running", "running", True, []),
        ("running", "paused", True, ["resume"]),
        ("paused", "absent", False, ["define", "create_paused"]),
        ("paused", "running", True, ["suspend"]),
        ("paused", "blocked", True, ["suspend"]),
        ("paused", "paused", True, []),
        ("defined", "paused", True, []),
        ("rebooted", "running", True, ["reboot"]),
        ("running", "running", False, ["define"]),
        ("shutdown", "running", True, ["shutdown"]),
        ("shutdown", "shutdown", True, ["shutdown"]),
        ("shutdown", "shutoff", True, []),
        ("shutdown", "absent", True, []),
        ("destroyed", "running", True, ["destroy"]),
        ("destroyed", "shutoff", True, []),
        ("absent", "running", True, ["destroy", "undefine"]),
        ("absent", "shutoff", True, ["undefine"]),
        ("absent", "absent", True, []),
    ],
)
def test_actions_for(wished: str, state: str, is_current: bool, actions: list[str]) -> None:
    assert libvirt_domain.actions_for(wished, state, is_current=is_current) == actions


def test_running_defines_and_creates_once(hypervisor: Any) -> None:
    first = run("running", xml=XML)
    second = run("running", xml=XML)
    assert (first["changed"], first["actions"]) == (True, ["define", "create"])
    assert first["domain"] == {"name": "default_vm", "state": "running", "reason": "booted"}
    assert (second["changed"], second["actions"], second["domain"]["state"]) == (False, [], "running")
    assert "state: absent" in first["diff"]["before"]
    assert "<name>default_vm</name>" in first["diff"]["after"]


def test_running_with_other_xml_defines_again(hypervisor: Any) -> None:
    run("running", xml=XML)
    result = run("running", xml=BIGGER)
    assert result["actions"] == ["define"]
    assert "<memory unit='KiB'>131072</memory>" in result["diff"]["after"]
    assert "<memory unit='KiB'>65536</memory>" in result["diff"]["before"]
    assert not run("defined", xml=BIGGER)["changed"]


def test_running_without_xml_starts_what_is_defined(hypervisor: Any) -> None:
    run("defined", xml=XML)
    assert run("running")["actions"] == ["create"]


def test_running_without_any_definition(hypervisor: Any) -> None:
    with pytest.raises(errors.PermanentError, match="default_vm is not defined, and option xml is missing"):
        run("running")


def test_shutdown_then_absent_forgets_the_domain(hypervisor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # the test driver's guests have no power button, only libvirt's choice of a way
    monkeypatch.setattr(domain, "shutdown", lambda connection, name: connection.lookupByName(name).shutdown())
    run("running", xml=XML)
    assert run("shutdown")["domain"]["state"] == "shutoff"
    assert run("absent")["domain"] == {"name": "default_vm", "state": "absent", "reason": ""}
    assert not run("absent")["changed"]


@pytest.fixture
def starts_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test driver cannot start a guest paused; it can be stopped right after."""

    def create_paused(connection: Any, name: str) -> None:
        domain.create(connection, name)
        domain.suspend(connection, name)

    monkeypatch.setitem(libvirt_domain._VERBS, "create_paused", create_paused)


@pytest.mark.usefixtures("starts_paused")
def test_paused_starts_without_running_and_running_lets_it_go_on(hypervisor: Any) -> None:
    first = run("paused", xml=XML)
    assert first["actions"] == ["define", "create_paused"]
    assert first["domain"]["state"] == "paused"
    assert not run("paused")["changed"]
    assert run("running")["domain"] == {"name": "default_vm", "state": "running", "reason": "unpaused"}
    assert run("paused")["actions"] == ["suspend"]
    assert run("paused")["domain"] == {"name": "default_vm", "state": "paused", "reason": "user"}


@pytest.mark.usefixtures("starts_paused")
@pytest.mark.parametrize("wished", ["paused", "running"])
def test_a_pause_that_another_has_ended_or_begun_meanwhile_counts(
    hypervisor: Any, monkeypatch: pytest.MonkeyPatch, wished: str
) -> None:
    run("running" if wished == "paused" else "paused", xml=XML)
    verb = {"paused": "suspend", "running": "resume"}[wished]
    once = libvirt_domain._VERBS[verb]

    def twice(connection: Any, name: str) -> None:
        once(connection, name)
        raise errors.OperationInvalid("it is so already")

    monkeypatch.setitem(libvirt_domain._VERBS, verb, twice)
    assert run(wished)["domain"]["state"] == wished


def test_rebooted_presses_the_button_of_a_guest_that_runs(hypervisor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pressed = []
    monkeypatch.setitem(libvirt_domain._VERBS, "reboot", lambda connection, name: pressed.append(name))
    run("running", xml=XML)
    assert run("rebooted", check_mode=True)["changed"]
    assert pressed == []
    assert run("rebooted")["domain"]["state"] == "running"
    assert pressed == ["default_vm"]


def test_rebooted_refuses_a_guest_that_is_off(hypervisor: Any) -> None:
    run("defined", xml=XML)
    with pytest.raises(errors.HypervisorError, match="reboot of domain default_vm"):
        run("rebooted")


def test_destroyed_keeps_the_definition(hypervisor: Any) -> None:
    run("running", xml=XML)
    assert run("destroyed")["domain"] == {"name": "default_vm", "state": "shutoff", "reason": "destroyed"}
    assert not run("destroyed")["changed"]


@pytest.mark.parametrize("state", ["defined", "running"])
def test_check_mode_changes_nothing(hypervisor: Any, state: str) -> None:
    result = run(state, xml=XML, check_mode=True)
    assert result["changed"]
    assert result["domain"]["state"] == "absent"
    assert XML in result["diff"]["after"]
    assert run("absent")["changed"] is False


def test_xml_of_another_domain_is_refused_and_not_kept(hypervisor: Any) -> None:
    with pytest.raises(errors.InvalidObject, match="xml names the domain 'default_vm', option name 'other'"):
        run("running", xml=XML, name="other")
    assert run("absent")["changed"] is False


def test_domain_that_another_has_started_meanwhile_counts_as_started(
    hypervisor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("defined", xml=XML)
    create = domain.create

    def create_twice(connection: Any, name: str) -> None:
        create(connection, name)
        create(connection, name)

    monkeypatch.setattr(domain, "create", create_twice)
    assert run("running")["domain"]["state"] == "running"


def test_libvirts_refusal_names_the_domain(hypervisor: Any) -> None:
    with pytest.raises(errors.HypervisorError) as caught:
        run("running", xml="<domain type='test'><name>default_vm</name></domain>")
    assert "define of a domain" in str(caught.value)


class Launcher:
    """A process that stands for a launcher; its libvirtd answers, or has just gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.process = subprocess.Popen(["sleep", "60"])
        self.ends_when_asked = False
        monkeypatch.setattr(launcher_process, "identify", self._identify)
        monkeypatch.setattr(launcher_socket, "libvirt_uri", self._libvirt_uri)

    @staticmethod
    def _identify(pid: int) -> launcher_process.Identity:
        return launcher_process.Identity(pid, 1, "uid")

    @contextlib.contextmanager
    def _libvirt_uri(self, pid: int, *, pod_uid: str) -> Iterator[str]:
        assert (pid, pod_uid) == (self.process.pid, "uid")
        if self.ends_when_asked:
            self.process.kill()
        raise errors.HypervisorError("Cannot write data: Broken pipe")
        yield ""

    def turn_off(self, state: str, pod_uid: str = "uid") -> dict[str, Any]:
        params = {"uri": None, "pid": self.process.pid, "pod_uid": pod_uid, "name": "a", "xml": None, "state": state}
        return libvirt_domain.run(params, check_mode=False)


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    monkeypatch.setattr(libvirt_domain, "ENDING_SECONDS", 5)
    found = Launcher(monkeypatch)
    yield found
    found.process.kill()
    found.process.wait()


@pytest.mark.parametrize("state", ["shutdown", "destroyed", "absent"])
def test_domain_of_a_launcher_that_ends_meanwhile_is_off(launcher: Launcher, state: str) -> None:
    launcher.ends_when_asked = True
    result = launcher.turn_off(state)
    assert (result["changed"], result["domain"]["state"]) == (False, "absent")


def test_domain_of_a_launcher_that_has_ended_is_off(launcher: Launcher) -> None:
    launcher.process.kill()
    launcher.process.wait()
    assert launcher.turn_off("destroyed")["domain"]["state"] == "absent"


def test_domain_of_a_process_of_another_pod_is_off(launcher: Launcher) -> None:
    assert launcher.turn_off("destroyed", pod_uid="former")["domain"]["state"] == "absent"


def test_libvirtd_that_fails_in_a_living_launcher_is_an_error(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libvirt_domain, "ENDING_SECONDS", 0)
    with pytest.raises(errors.HypervisorError, match="Broken pipe"):
        launcher.turn_off("destroyed")


def test_starting_in_a_launcher_that_ends_is_an_error(launcher: Launcher) -> None:
    launcher.ends_when_asked = True
    with pytest.raises(errors.HypervisorError, match="Broken pipe"):
        launcher.turn_off("running")
