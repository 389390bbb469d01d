"""The launcher server on a real unix socket, with launchers that behave and launchers that do not.

Not here: who has connected (module_utils/hypervisor/test_launcher_socket).
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator, Callable

import pytest
from ansible_collections.playvirt.core.images.virt_handler import launcher_connection, launchers, settings
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process
from ansible_collections.playvirt.core.tests.unit.fakes import virt_handler as fakes

POD_UID = "5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f"
VMI_KEY = ("VirtualMachineInstance", "default", "vm")


class Node:
    """A launcher server that runs, and the pods whose processes connect next."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.context = fakes.Context()
        self.context.reader.add_pod(POD_UID, namespace="default", vmi_name="vm", vmi_uid="aaaa")
        self.identities: list[launcher_process.Identity] = []
        self.connected: list[fakes.Launcher] = []
        self.path = str(directory / "handler.sock")
        config = settings.Settings(node_directory=str(directory), fence_seconds=60)
        self.server = launchers.LauncherServer(self.context, config, identify=lambda _: self.identities.pop(0))
        self.context.reader.register_launchers(self.server.launchers.observe)
        self.context.routes.add_route("GET", "/launchers", self.server.get_launcher)
        self.context.routes.add_route("POST", "/launchers", self.server.command_launcher)

    async def connect(self, pod_uid: str = POD_UID, pid: int = 4711) -> fakes.Launcher:
        self.identities.append(launcher_process.Identity(pid, 100, pod_uid))
        self.connected.append(await fakes.Launcher.connect(self.path))
        return self.connected[-1]

    async def connect_running(self) -> fakes.Launcher:
        """A launcher that has said everything, and was noticed."""
        launcher = await self.connect()
        launcher.hello()
        launcher.report("running", "booted")
        await self.context.enqueued.get()
        return launcher


@pytest.fixture
async def node(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    directory = tmp_path_factory.mktemp("n")
    monkeypatch.chdir(directory)
    found = Node(pathlib.Path("."))
    task = asyncio.create_task(found.server.run())
    async with asyncio.timeout(60):
        await listening(found.path)
        yield found
        for launcher in found.connected:
            await launcher.close()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def listening(path: str) -> None:
    while not pathlib.Path(path).is_socket() or pathlib.Path(path).stat().st_mode & 0o777 != 0o666:
        await asyncio.sleep(0)


async def test_report_enqueues_vmi_and_shows_launcher(node: Node) -> None:
    launcher = await node.connect()
    launcher.hello()
    launcher.report("absent")
    assert await node.context.enqueued.get() == (*VMI_KEY, "domain absent")
    assert node.context.reader.launcher(POD_UID) == {
        "pid": 4711,
        "namespace": "default",
        "name": "vm",
        "uid": "aaaa",
        "domain": {"state": "absent", "reason": ""},
    }


async def test_same_report_again_enqueues_nothing(node: Node) -> None:
    launcher = await node.connect_running()
    launcher.report("running", "booted")
    launcher.report("shutoff", "shutdown")
    assert await node.context.enqueued.get() == (*VMI_KEY, "domain shutoff")
    assert node.context.enqueued.empty()


async def test_launcher_is_not_shown_before_its_first_report(node: Node) -> None:
    launcher = await node.connect()
    launcher.hello()
    await launcher.receive()
    assert node.context.reader.launcher(POD_UID) is None
    assert (await node.context.routes.request("GET", f"/launchers/{POD_UID}"))[0] == 404


async def test_claimed_vmi_of_another_pod_is_not_enqueued(node: Node) -> None:
    liar = await node.connect(pod_uid="11111111-2222-3333-4444-555555555555")
    liar.hello()
    liar.report("running")
    await node.connect_running()
    assert node.context.enqueued.empty()


async def test_vmi_name_is_that_of_the_pods_owner(node: Node) -> None:
    launcher = await node.connect()
    launcher.hello(name="another")
    launcher.report("running")
    assert await node.context.enqueued.get() == (*VMI_KEY, "domain running")


def _agent(hostname: str) -> dict[str, object]:
    return {"agent": {"connected": True, "os": {"id": "debian"}, "hostname": hostname, "interfaces": []}}


async def test_what_the_guests_agent_tells_is_shown(node: Node) -> None:
    launcher = await node.connect_running()
    assert "agent" not in (node.context.reader.launcher(POD_UID) or {})
    launcher.send(_agent("web"))
    assert await node.context.enqueued.get() == (*VMI_KEY, "domain running")
    assert (node.context.reader.launcher(POD_UID) or {})["agent"] == _agent("web")["agent"]


async def test_a_guest_that_tells_something_new_all_the_time_is_looked_at_now_and_then(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher_connection, "_REPORT_SECONDS", 0)
    monkeypatch.setattr(launcher_connection, "_AGENT_SECONDS", 0.5)
    launcher = await node.connect_running()
    for number in range(200):
        launcher.send(_agent(f"web{number}"))
    launcher.report("paused", "user")
    seen = [await node.context.enqueued.get(), await node.context.enqueued.get(), await node.context.enqueued.get()]
    assert ("VirtualMachineInstance", "default", "vm", "domain paused") in seen
    assert (node.context.reader.launcher(POD_UID) or {})["agent"]["hostname"] == "web199"
    await asyncio.sleep(0.6)
    assert node.context.enqueued.empty()


async def test_a_launcher_that_lies_about_its_agent_is_disconnected(node: Node) -> None:
    launcher = await node.connect_running()
    launcher.send({"agent": {"connected": True, "os": {"id": "\x1b[2J"}, "hostname": "", "interfaces": []}})
    await launcher.closed()


async def test_guests_that_are_on_are_asked_for_statistics(node: Node) -> None:
    launcher = await node.connect_running()
    liar = await node.connect(pod_uid="11111111-2222-3333-4444-555555555555")
    liar.hello()
    liar.report("running")
    ((namespace, name, connection),) = node.server.guests()
    assert (namespace, name) == ("default", "vm")
    asked = asyncio.create_task(connection.request("get_statistics", {}))
    request = await launcher.receive_request()
    launcher.send({"id": request["id"], "result": {"changed": False, "statistics": {"cpu.time": 1}}})
    assert (await asked)["statistics"] == {"cpu.time": 1}
    launcher.report("shutoff", "shutdown")
    await node.context.enqueued.get()
    assert node.server.guests() == []


async def test_disconnect_forgets_launcher_and_enqueues(node: Node) -> None:
    launcher = await node.connect_running()
    await launcher.close()
    assert await node.context.enqueued.get() == (*VMI_KEY, "launcher disconnected")
    assert node.context.reader.launcher(POD_UID) is None


async def test_newer_connection_of_a_pod_replaces_the_older(node: Node) -> None:
    older = await node.connect_running()
    newer = await node.connect(pid=4712)
    await older.closed()
    newer.hello()
    newer.report("running", "booted")
    await node.context.enqueued.get()
    observed = node.context.reader.launcher(POD_UID)
    assert observed is not None
    assert observed["pid"] == 4712


async def test_command_brings_result(node: Node) -> None:
    launcher = await node.connect_running()
    posted = asyncio.create_task(node.context.routes.request("POST", f"/launchers/{POD_UID}/make_disks", {"disks": []}))
    request = await launcher.receive_request()
    assert (request["command"], request["arguments"]) == ("make_disks", {"disks": []})
    launcher.send({"id": request["id"], "result": {"disks": [], "changed": True}})
    assert await posted == (200, {"disks": [], "changed": True})


async def test_commands_are_answered_in_any_order(node: Node) -> None:
    launcher = await node.connect_running()
    routes = node.context.routes
    first = asyncio.create_task(routes.request("POST", f"/launchers/{POD_UID}/make_disks"))
    first_request = await launcher.receive_request()
    second = asyncio.create_task(routes.request("POST", f"/launchers/{POD_UID}/serve_dhcp"))
    second_request = await launcher.receive_request()
    launcher.send({"id": second_request["id"], "result": {"which": "second"}})
    launcher.send({"id": first_request["id"], "result": {"which": "first"}})
    assert (await first, await second) == ((200, {"which": "first"}), (200, {"which": "second"}))


async def test_command_error_has_launchers_words(node: Node) -> None:
    launcher = await node.connect_running()
    posted = asyncio.create_task(node.context.routes.request("POST", f"/launchers/{POD_UID}/make_disks"))
    request = await launcher.receive_request()
    launcher.send({"id": request["id"], "error": "volume containerdisk: no disk file in /disk of the image"})
    assert await posted == (422, {"message": "volume containerdisk: no disk file in /disk of the image"})


async def test_command_of_launcher_that_goes_away_may_be_repeated(node: Node) -> None:
    launcher = await node.connect_running()
    posted = asyncio.create_task(node.context.routes.request("POST", f"/launchers/{POD_UID}/make_disks"))
    await launcher.receive_request()
    await launcher.close()
    status, body = await posted
    assert status == 503
    assert "default/vm" in body["message"]
    assert "disconnected" in body["message"]


async def test_command_without_answer_times_out(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_connection, "COMMAND_SECONDS", {"make_disks": 0.01})
    await node.connect_running()
    status, body = await node.context.routes.request("POST", f"/launchers/{POD_UID}/make_disks")
    assert status == 503
    assert "did not answer to make_disks within 0.01 s" in body["message"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/launchers/{POD_UID}/make_coffee", {}, 400),
        (f"/launchers/{POD_UID}/make_disks", ["x"], 400),
        ("/launchers/unknown/make_disks", {}, 404),
        (f"/launchers/{POD_UID}/make_disks", {"disks": "x" * 1024 * 1024}, 422),
    ],
)
async def test_refused_commands(node: Node, path: str, body: object, status: int) -> None:
    await node.connect_running()
    answer = await node.context.routes.request("POST", path, body)
    assert answer[0] == status
    assert answer[1]["message"]


@pytest.mark.parametrize(
    ("misbehave", "logged"),
    [
        (lambda launcher: launcher.send_bytes(b"nonsense\n"), "not JSON"),
        (lambda launcher: launcher.send_bytes(b"x" * (2 * 1024 * 1024)), "longer than"),
        (lambda launcher: launcher.send({"domain": {"state": "melted", "reason": ""}}), "state or reason"),
        (lambda launcher: launcher.send({"domain": {"state": "running", "reason": "Not a word"}}), "state or reason"),
        (lambda launcher: launcher.hello(), "a second hello"),
        (lambda launcher: launcher.send({"anything": "else"}), "neither hello"),
    ],
)
async def test_protocol_breaker_is_disconnected(
    node: Node, misbehave: Callable[[fakes.Launcher], None], logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    launcher = await node.connect_running()
    misbehave(launcher)
    await launcher.closed()
    assert logged in caplog.text
    assert node.context.reader.launcher(POD_UID) is None


@pytest.mark.parametrize(
    ("first", "logged"),
    [
        ({"domain": {"state": "running", "reason": ""}}, "first line is not hello"),
        ({"hello": {"version": 2, "namespace": "default", "name": "vm", "uid": "aaaa"}}, "not of version 1"),
        ({"hello": {"version": 1, "namespace": "../default", "name": "vm", "uid": "aaaa"}}, "names no VMI"),
    ],
)
async def test_bad_hello_is_refused(node: Node, first: object, logged: str, caplog: pytest.LogCaptureFixture) -> None:
    launcher = await node.connect()
    launcher.send(first)
    await launcher.closed()
    assert logged in caplog.text


async def test_silent_connection_is_closed(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_connection, "HELLO_SECONDS", 0.01)
    launcher = await node.connect()
    await launcher.closed()
    assert node.server.launchers.all() == []


async def test_launcher_is_renewed_when_it_connects(node: Node) -> None:
    launcher = await node.connect()
    message = await launcher.receive()
    assert message is not None
    assert 0 < message["renew"]["seconds"] <= 60


async def test_launcher_is_not_renewed_without_contact(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.context.client.failure = errors.TransientError("connection refused")
    monkeypatch.setattr(node.server.contact, "_last", None)
    launcher = await node.connect_running()
    posted = asyncio.create_task(node.context.routes.request("POST", f"/launchers/{POD_UID}/serve_dhcp"))
    message = await launcher.receive()
    assert message is not None
    assert "command" in message
    launcher.send({"id": message["id"], "result": {}})
    assert (await posted)[0] == 200


async def test_serve_announces_itself_to_the_runner(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLAYVIRT_NODE_DIRECTORY", ".")
    context = fakes.Context()
    task = asyncio.create_task(launchers.serve(context))
    async with asyncio.timeout(60):
        await listening("handler.sock")
        while context.checks["api-contact"]() is not None:
            await asyncio.sleep(0)
    assert sorted(context.routes.handlers) == [("GET", "/launchers"), ("POST", "/launchers")]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
