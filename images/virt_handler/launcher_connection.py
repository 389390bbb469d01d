"""One launcher's connection: reads what it reports, renews it, has it do commands.

In: a connected unix socket and the identity that the kernel gives for its other end. Out: calls of `on_change` when the domain's state changes, and the
answers to requests. A launcher that breaks the protocol is disconnected; it can harm nobody but itself. Called by: launchers.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_handler import launcher_messages, registry
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import guest_information, launcher_process

LOG = logging.getLogger("virt-handler.launcher")

HELLO_SECONDS = 10.0
#: how long a launcher may take for a command; each is below the time after which a play gives up on the gateway
COMMAND_SECONDS: Mapping[str, float] = {
    "get_statistics": 4.0,
    "make_disks": 55.0,
    "make_cloud_init": 30.0,
    "make_iso_images": 30.0,
    "serve_dhcp": 15.0,
}
#: what a guest tells of itself is looked at once in so long, whatever else it has told meanwhile: each look may be a write of the status
_AGENT_SECONDS = 5.0
#: a launcher that reports more often than this is read more slowly, so that it cannot keep the handler busy
_REPORT_SECONDS = 0.02
_MAX_UNREAD = 4 * launcher_messages.MAX_LINE


class LauncherConnection:
    """A connected launcher; `hello`, `domain` and `agent` are None until it has sent them."""

    def __init__(
        self,
        identity: launcher_process.Identity,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        on_change: Callable[[LauncherConnection], None],
    ) -> None:
        """Take over a connection; `run` has to be called."""
        self.identity = identity
        self.hello: registry.Hello | None = None
        self.domain: registry.Domain | None = None
        self.agent: guest_information.Information | None = None
        self._agent_news: asyncio.TimerHandle | None = None
        self._agent_next = 0.0
        self._reader = reader
        self._writer = writer
        self._on_change = on_change
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[launcher_messages.Answer]] = {}

    async def run(self) -> None:
        """Read until the launcher goes or breaks the protocol; then every request that waits fails."""
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                self.hello = await self._read_hello()
            while message := await self._read():
                await self._take(message)
        except TimeoutError:
            LOG.warning("pod %s: no hello within %g s", self.identity.pod_uid, HELLO_SECONDS)
        except launcher_messages.ProtocolError as error:
            LOG.warning("pod %s: disconnected: %s", self.identity.pod_uid, error)
        except OSError as error:
            LOG.info("pod %s: connection lost: %s", self.identity.pod_uid, error)
        finally:
            self.close()
            if self._agent_news is not None:
                self._agent_news.cancel()
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(errors.TransientError(f"{self._shown()} has disconnected"))
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def _read_hello(self) -> registry.Hello:
        message = await self._read()
        if not isinstance(message, registry.Hello):
            raise launcher_messages.ProtocolError("the first line is not hello")
        return message

    async def _read(self) -> launcher_messages.Message | None:
        """Return the next message, None at the end."""
        try:
            line = await self._reader.readline()
        except ValueError as error:
            raise launcher_messages.ProtocolError(
                f"a line is longer than {launcher_messages.MAX_LINE} bytes"
            ) from error
        return launcher_messages.parse(line) if line.endswith(b"\n") else None

    async def _take(self, message: launcher_messages.Message) -> None:
        match message:
            case registry.Domain():
                if message != self.domain:
                    self.domain = message
                    self._on_change(self)
                await asyncio.sleep(_REPORT_SECONDS)
            case guest_information.Information():
                self._take_agent(message)
                await asyncio.sleep(_REPORT_SECONDS)
            case launcher_messages.Answer():
                future = self._pending.pop(message.request_id, None)
                if future is not None and not future.done():
                    future.set_result(message)
            case registry.Hello():
                raise launcher_messages.ProtocolError("a second hello")

    def _take_agent(self, told: guest_information.Information) -> None:
        """Keep what the guest's agent tells, and have it looked at: at once, or when the last look is long enough ago."""
        if told == self.agent:
            return
        self.agent = told
        if self._agent_news is None:
            loop = asyncio.get_running_loop()
            self._agent_news = loop.call_at(max(loop.time(), self._agent_next), self._tell_agent)

    def _tell_agent(self) -> None:
        self._agent_news = None
        self._agent_next = asyncio.get_running_loop().time() + _AGENT_SECONDS
        if self.domain is not None:
            self._on_change(self)

    def renew(self, seconds: float) -> None:
        """Let the launcher's guest run for so long from now."""
        self._write(launcher_messages.format_renewal(seconds))

    async def request(self, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Have the launcher do a command and return its result.

        Raises PermanentError with the launcher's own words when it could not, TransientError when it did not answer in time or went away.
        """
        request_id = next(self._ids)
        try:
            line = launcher_messages.format_request(request_id, command, arguments)
        except launcher_messages.ProtocolError as error:
            raise errors.PermanentError(str(error)) from error
        future: asyncio.Future[launcher_messages.Answer] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = future
        limit = COMMAND_SECONDS[command]
        try:
            self._write(line)
            async with asyncio.timeout(limit):
                answer = await future
        except TimeoutError as error:
            raise errors.TransientError(f"{self._shown()} did not answer to {command} within {limit:g} s") from error
        finally:
            self._pending.pop(request_id, None)
        if answer.error is not None or answer.result is None:
            raise errors.PermanentError(answer.error or f"{self._shown()} gave no reason")
        return dict(answer.result)

    def close(self) -> None:
        """End the connection; `run` returns soon."""
        self._writer.close()

    def _write(self, line: bytes) -> None:
        if self._writer.is_closing():
            raise errors.TransientError(f"{self._shown()} has disconnected")
        if self._writer.transport.get_write_buffer_size() > _MAX_UNREAD:
            self._writer.transport.abort()
            raise errors.TransientError(f"{self._shown()} does not read what it is sent")
        self._writer.write(line)

    def _shown(self) -> str:
        if self.hello is None:
            return f"the launcher of pod {self.identity.pod_uid}"
        return f"the launcher of {self.hello.namespace}/{self.hello.name} (pod {self.identity.pod_uid})"
