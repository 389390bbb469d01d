"""The line to the node's virt-handler: says hello, reports the domain, takes renewals, does commands.

In and out: lines of JSON over the handler's unix socket, each at most 1 MiB.

    launcher -> handler  {"hello": {"version": 1, "namespace", "name", "uid"}}      first (greeting.py)
                         {"domain": {"state", "reason"}}                            then, and at each change
                         {"agent": {"connected", "os", "hostname", "interfaces"}}   at each change (guest_information.py)
                         {"id": N, "result": {...}} or {"id": N, "error": "text"}   the answer to a command
    handler -> launcher  {"renew": {"seconds": F}}
                         {"id": N, "command": "...", "arguments": {...}}

Called by run.py. The line is opened before libvirtd answers: a new launcher has no domain, and its network and disks are prepared meanwhile. It is opened
again for ever: without a handler the domain goes on until the fence falls (fence.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_launcher import greeting
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import domain, guest_information

MAX_LINE = 1024 * 1024
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 2.0
_MAX_UNREAD = 4 * MAX_LINE
_MAX_COMMANDS = 16

Execute = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Does a command, by name and arguments. Raises errors.PlayvirtError."""

logger = logging.getLogger(__name__)


class HandlerLink:
    """One line at a time to the handler that listens at `path`."""

    def __init__(
        self,
        *,
        path: str,
        identity: Mapping[str, str],
        execute: Execute,
        on_renew: Callable[[float], None],
        greeted: socket.socket | None = None,
    ) -> None:
        """`identity` has namespace, name and uid of the VMI; `greeted` is a line on which hello was said already."""
        self._path = path
        self._hello = greeting.hello(identity)
        self._greeted = greeted
        self._execute = execute
        self._on_renew = on_renew
        self._writer: asyncio.StreamWriter | None = None
        self._state = domain.DomainState(state=domain.ABSENT)
        self._agent: guest_information.Information | None = None
        self._commands: set[asyncio.Task[None]] = set()
        self._in_turn = asyncio.Lock()

    def report(self, state: domain.DomainState) -> None:
        """Tell the handler a new state, now or as soon as there is a line."""
        self._state = state
        self._send_state()

    def report_agent(self, told: guest_information.Information) -> None:
        """Tell the handler what the guest's agent tells, now or as soon as there is a line."""
        self._agent = told
        self._send_agent()

    async def run(self) -> None:
        """Keep a line open until cancelled."""
        delay = _FIRST_DELAY_SECONDS
        failing = False
        while True:
            greeted, self._greeted = self._greeted, None
            try:
                reader, writer = await self._open(greeted)
            except OSError as error:
                if not failing:
                    logger.warning("no virt-handler at %s: %s", self._path, error.strerror or error)
                failing = True
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
                continue
            logger.info("connected to virt-handler")
            failing = False
            if await self._converse(reader, writer, greeted=greeted is not None):
                delay = _FIRST_DELAY_SECONDS
            logger.warning("the line to virt-handler ended")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY_SECONDS)

    async def _open(self, greeted: socket.socket | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The line that was opened already, or a new one. Raises OSError."""
        if greeted is not None:
            return await asyncio.open_unix_connection(sock=greeted, limit=MAX_LINE)
        return await asyncio.open_unix_connection(self._path, limit=MAX_LINE)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, greeted: bool) -> bool:
        """Talk until the line ends; returns whether the handler said anything."""
        self._writer = writer
        heard = False
        if not greeted:
            self._send(self._hello)
        self._send_state()
        self._send_agent()
        try:
            while line := await reader.readline():
                heard = self._take(line) or heard
        except ValueError:
            logger.error("virt-handler sent a line of more than %d bytes", MAX_LINE)
        except OSError as error:
            logger.warning("reading from virt-handler: %s", error.strerror or error)
        finally:
            self._writer = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return heard

    def _take(self, line: bytes) -> bool:
        """Act on one line; returns whether it made sense. Nothing of a line is logged: it may hold secrets."""
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        match message:
            case {"renew": {"seconds": int() | float() as seconds}}:
                self._on_renew(float(seconds))
            case {"id": int() as number, "command": str() as command}:
                self._start(number, command, message.get("arguments"))
            case _:
                logger.error("virt-handler sent a line that is no message")
                return False
        return True

    def _start(self, number: int, command: str, arguments: object) -> None:
        """Do a command beside the reading of lines; commands are done one after the other."""
        if len(self._commands) >= _MAX_COMMANDS:
            self._send({"id": number, "error": f"{command}: {_MAX_COMMANDS} commands are waiting already"})
            return
        task = asyncio.create_task(self._answer(number, command, arguments))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def _answer(self, number: int, command: str, arguments: object) -> None:
        """Do a command and send its result, or its error as a sentence."""
        asker = self._writer
        answer: dict[str, Any]
        try:
            if not isinstance(arguments, dict):
                raise errors.InvalidObject(f"{command}: arguments: expected an object, got {type(arguments).__name__}")
            async with self._in_turn:
                answer = {"id": number, "result": await self._execute(command, arguments)}
        except errors.PlayvirtError as error:
            answer = {"id": number, "error": str(error)}
        except Exception as error:  # the text of an unforeseen error may quote the arguments
            logger.error("command %s: unforeseen %s", command, type(error).__name__)
            answer = {
                "id": number,
                "error": f"{command}: unforeseen {type(error).__name__} in virt-launcher; see its log",
            }
        if asker is self._writer:
            self._send(answer)

    def _send_state(self) -> None:
        """Send the state as it is."""
        self._send(greeting.state(self._state.state, self._state.reason))

    def _send_agent(self) -> None:
        """Send what the agent told, where it has told anything."""
        if self._agent is not None:
            self._send({"agent": self._agent.to_message()})

    def _send(self, message: Mapping[str, Any]) -> None:
        """Write a line; a handler that does not read loses its line."""
        writer = self._writer
        if writer is None or writer.is_closing():
            return
        writer.write(greeting.line(message))
        if writer.transport.get_write_buffer_size() > _MAX_UNREAD:
            logger.error("virt-handler does not read what it is sent")
            writer.transport.abort()
