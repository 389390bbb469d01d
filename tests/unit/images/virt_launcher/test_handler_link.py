"""The line to virt-handler, against a handler on a real unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import pathlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import greeting, handler_link
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import domain, guest_information

IDENTITY = {"namespace": "default", "name": "one", "uid": "1111"}
HELLO = {"hello": {"version": 1, **IDENTITY}}
ABSENT = {"domain": {"state": "absent", "reason": ""}}
WAIT_SECONDS = 60


class Line:
    """One connection, seen from the handler."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def next(self) -> Any:
        return json.loads(await asyncio.wait_for(self.reader.readline(), WAIT_SECONDS))

    def send(self, message: object) -> None:
        self.writer.write(json.dumps(message).encode() + b"\n")

    async def ask(self, number: int, command: str, arguments: object) -> Any:
        self.send({"id": number, "command": command, "arguments": arguments})
        return await self.next()

    async def ended(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), WAIT_SECONDS) == b""


class Bench:
    """A handler, a link to it, and what the link was asked for."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.lines: asyncio.Queue[Line] = asyncio.Queue()
        self.writers: list[asyncio.StreamWriter] = []
        self.closing = False
        self.renewed: asyncio.Queue[float] = asyncio.Queue()
        self.release = asyncio.Event()
        self.link = handler_link.HandlerLink(
            path=str(path), identity=IDENTITY, execute=self.execute, on_renew=self.renewed.put_nowait
        )

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.lines.put_nowait(Line(reader, writer))
        if self.closing:
            writer.close()

    async def close(self) -> None:
        self.closing = True
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def line(self) -> Line:
        return await asyncio.wait_for(self.lines.get(), WAIT_SECONDS)

    async def greeted_line(self) -> Line:
        """A line whose first words, which every line begins with, were heard."""
        line = await self.line()
        assert [await line.next(), await line.next()] == [HELLO, ABSENT]
        return line

    async def execute(self, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        match command:
            case "echo":
                return arguments
            case "wait":
                await self.release.wait()
                return {}
            case "fail":
                raise errors.InvalidObject("volume a: no disk file")
        raise ValueError(f"unforeseen, with {arguments}")


@pytest.fixture
async def bench(tmp_path: pathlib.Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path / "handler.sock")
    server = await asyncio.start_unix_server(made.accept, made.path, limit=handler_link.MAX_LINE)
    task = asyncio.create_task(made.link.run())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await made.close()
    server.close()
    await asyncio.wait_for(server.wait_closed(), WAIT_SECONDS)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler_link, "_FIRST_DELAY_SECONDS", 0.001)


def state(name: str, reason: str = "") -> domain.DomainState:
    return domain.DomainState(state=name, reason=reason)


async def test_hello_comes_first_and_a_new_launcher_has_no_domain(bench: Bench) -> None:
    line = await bench.line()
    assert await line.next() == HELLO
    assert await line.next() == ABSENT
    bench.link.report(state("running", "booted"))
    assert await line.next() == {"domain": {"state": "running", "reason": "booted"}}


async def test_line_is_opened_again_and_tells_the_latest_state(bench: Bench) -> None:
    first = await bench.line()
    assert await first.next() == HELLO
    first.writer.close()
    bench.link.report(state("running"))
    second = await bench.line()
    assert await second.next() == HELLO
    assert await second.next() == {"domain": {"state": "running", "reason": ""}}


async def test_what_the_guests_agent_tells_goes_over_every_line(bench: Bench) -> None:
    first = await bench.greeted_line()
    told = guest_information.Information(True, {"id": "debian"}, "web")
    bench.link.report_agent(told)
    said = {"agent": {"connected": True, "os": {"id": "debian"}, "hostname": "web", "interfaces": []}}
    assert await first.next() == said
    first.writer.close()
    assert await (await bench.greeted_line()).next() == said


async def test_handler_that_comes_later(tmp_path: pathlib.Path) -> None:
    made = Bench(tmp_path / "late.sock")
    task = asyncio.create_task(made.link.run())
    async with await asyncio.start_unix_server(made.accept, made.path):
        line = await made.line()
        assert await line.next() == HELLO
        assert await line.next() == ABSENT
        task.cancel()
        assert await line.ended()
        await made.close()


async def test_line_that_was_greeted_already_is_gone_on_with(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "handler.sock"
    made = Bench(path)
    async with await asyncio.start_unix_server(made.accept, path) as server:
        greeted = greeting.greet(str(path), IDENTITY)
        assert greeted is not None
        line = await made.greeted_line()
        line.send({"id": 1, "command": "echo", "arguments": {"a": 1}})
        link = handler_link.HandlerLink(
            path=str(path),
            identity=IDENTITY,
            execute=made.execute,
            on_renew=made.renewed.put_nowait,
            greeted=greeted,
        )
        task = asyncio.create_task(link.run())
        assert await line.next() == ABSENT
        assert await line.next() == {"id": 1, "result": {"a": 1}}
        line.writer.close()
        again = await made.greeted_line()
        assert await again.ask(2, "echo", {}) == {"id": 2, "result": {}}
        task.cancel()
        assert await again.ended()
        await made.close()
        server.close()


async def test_renewals_reach_the_fence(bench: Bench) -> None:
    line = await bench.line()
    line.send({"renew": {"seconds": 60}})
    line.send({"renew": {"seconds": 0.5}})
    assert [await asyncio.wait_for(bench.renewed.get(), WAIT_SECONDS) for _ in range(2)] == [60.0, 0.5]


async def test_commands_are_answered(bench: Bench) -> None:
    line = await bench.greeted_line()
    assert await line.ask(1, "echo", {"a": 1}) == {"id": 1, "result": {"a": 1}}
    assert await line.ask(2, "fail", {}) == {"id": 2, "error": "volume a: no disk file"}
    assert await line.ask(3, "echo", [1]) == {
        "id": 3,
        "error": "echo: arguments: expected an object, got list",
    }


async def test_unforeseen_error_quotes_no_argument(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    line = await bench.greeted_line()
    answer = await line.ask(4, "explode", {"password": "s3cret"})
    assert answer == {"id": 4, "error": "explode: unforeseen ValueError in virt-launcher; see its log"}
    assert "s3cret" not in caplog.text
    assert "unforeseen ValueError" in caplog.text


async def test_renewals_overtake_commands(bench: Bench) -> None:
    line = await bench.greeted_line()
    line.send({"id": 1, "command": "wait", "arguments": {}})
    line.send({"id": 2, "command": "echo", "arguments": {}})
    line.send({"renew": {"seconds": 1}})
    assert await asyncio.wait_for(bench.renewed.get(), WAIT_SECONDS) == 1
    bench.release.set()
    assert [(await line.next())["id"] for _ in range(2)] == [1, 2]


async def test_too_many_commands(bench: Bench) -> None:
    line = await bench.greeted_line()
    for number in range(17):
        line.send({"id": number, "command": "wait", "arguments": {}})
    assert await line.next() == {"id": 16, "error": "wait: 16 commands are waiting already"}
    bench.release.set()


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense\n",
        b"\xff\xfe\n",
        b"[]\n",
        b'{"renew": {"seconds": "x"}}\n',
        b'{"id": "x", "command": "echo"}\n',
        b"\n",
    ],
)
async def test_line_that_is_no_message_is_passed_over(
    bench: Bench, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    line = await bench.greeted_line()
    line.writer.write(content)
    assert await line.ask(5, "echo", {}) == {"id": 5, "result": {}}
    assert "a line that is no message" in caplog.text


async def test_line_that_is_too_long_ends_the_connection(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    line = await bench.greeted_line()
    with contextlib.suppress(ConnectionError):
        line.writer.write(b"x" * (handler_link.MAX_LINE * 3))
        await line.writer.drain()
    assert await (await bench.line()).next() == HELLO
    assert "a line of more than 1048576 bytes" in caplog.text


async def test_line_of_nearly_a_mebibyte_is_taken(bench: Bench) -> None:
    line = await bench.greeted_line()
    content = "x" * (handler_link.MAX_LINE - 1000)
    assert await line.ask(6, "echo", {"content": content}) == {"id": 6, "result": {"content": content}}


async def test_answer_to_a_handler_that_is_gone_is_dropped(bench: Bench) -> None:
    first = await bench.greeted_line()
    first.send({"id": 1, "command": "wait", "arguments": {}})
    first.send({"renew": {"seconds": 1}})
    await asyncio.wait_for(bench.renewed.get(), WAIT_SECONDS)
    first.writer.close()
    second = await bench.greeted_line()
    bench.release.set()
    assert await second.ask(2, "echo", {}) == {"id": 2, "result": {}}


async def test_absent_handler_is_logged_once(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    made = Bench(tmp_path / "never.sock")
    with caplog.at_level(logging.WARNING):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(made.link.run(), 0.05)
    assert caplog.text.count("no virt-handler at") == 1
