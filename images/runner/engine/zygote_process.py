"""The controller's end of the zygote: starts it, asks it for workers, has them killed, learns of their end.

In: the roles and playbooks to load. Out: `WorkerLink`s, one per worker. Called by `workers.py`. The protocol is described in
`zygote.py`, the one on a worker's connection in `worker.py`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..telemetry import log

LOG = logging.getLogger("runner.engine")
PACKET_LIMIT = 65536
LINE_LIMIT = 64 * 1024 * 1024
ERROR_TAIL = 4096
DRAIN_SECONDS = 1.0  # for what a worker that ended had still to say
TOKEN = "PLAYVIRT_RUNNER_ZYGOTE"  # in the environment of everything that a zygote starts
# The directory that holds ansible_collections/: the child has to find this package where this process found it.
IMPORT_ROOT = str(Path(__file__).parents[6])
ZYGOTE_MODULE = "ansible_collections.playvirt.core.images.runner.engine.zygote"

# ansible-core's own settings; what the environment of the runner says wins.
ANSIBLE_SETTINGS = {
    "ANSIBLE_LOCALHOST_WARNING": "False",
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
    "ANSIBLE_NOCOLOR": "True",
    "ANSIBLE_DEPRECATION_WARNINGS": "False",
    "ANSIBLE_RETRY_FILES_ENABLED": "False",
    "ANSIBLE_HOME": "/tmp/playvirt-ansible",
    "ANSIBLE_INJECT_FACT_VARS": "False",
}


class ErrorTail(asyncio.Protocol):
    """Keeps the end of what a worker writes to its standard error; the rest is read and dropped."""

    def __init__(self) -> None:
        self._tail: deque[bytes] = deque()
        self._size = 0

    def data_received(self, data: bytes) -> None:
        """Append, forget what is older than the limit."""
        self._tail.append(data)
        self._size += len(data)
        while self._size - len(self._tail[0]) > ERROR_TAIL:
            self._size -= len(self._tail.popleft())

    def take(self) -> str:
        """What is kept, once."""
        text = b"".join(self._tail)[-ERROR_TAIL:].decode(errors="replace").strip()
        self._tail.clear()
        self._size = 0
        return text


def end_marked(token: str) -> None:
    """Kill whatever still runs with that token in its environment: what a zygote that died could not end itself."""
    mark = f"{TOKEN}={token}".encode()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as environment:
                if mark in environment.read().split(b"\0"):
                    os.kill(int(name), signal.SIGKILL)
        except OSError:
            continue  # it is gone, or another user's


class WorkerLink:
    """One worker: its connection, the end of its standard error, and how it ended."""

    def __init__(self, identity: int) -> None:
        self.identity = identity
        self.pid = 0
        self.plays = 0
        self.first_rss_kib = 0
        self.idle_since = 0.0
        self.errors = ErrorTail()
        self.exit_status: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.error_pipe: asyncio.BaseTransport | None = None

    async def receive(self) -> dict[str, Any] | None:
        """The next message, or None when the worker is gone."""
        if self.reader is None:
            return None
        try:
            line = await self.reader.readline()
        except (ConnectionError, ValueError, asyncio.IncompleteReadError):
            return None
        if not line.endswith(b"\n"):
            return None
        message: dict[str, Any] = json.loads(line)
        return message

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; a worker that is gone shows in `receive`."""
        if self.writer is not None:
            self.writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
            try:
                await self.writer.drain()
            except ConnectionError:
                pass

    def close(self) -> None:
        """Close the connection: an idle worker ends by itself then."""
        if self.writer is not None:
            self.writer.close()
        if self.error_pipe is not None:
            self.error_pipe.close()


class ZygoteProcess:
    """The process and its control socket."""

    def __init__(
        self,
        *,
        roles: Sequence[str],
        playbooks: Sequence[str],
        environment: Mapping[str, str],
        python: str,
        memory_kib: int,
    ) -> None:
        self._roles = roles
        self._playbooks = playbooks
        self._environment = environment
        self._python = python
        self._memory_kib = memory_kib
        self._token = uuid.uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._links: dict[int, WorkerLink] = {}
        self._next_identity = 1
        self._ready: asyncio.Future[dict[str, Any]] | None = None
        self.gone = asyncio.Event()

    @property
    def pid(self) -> int:
        """The zygote's process id; 0 before it was started."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the process; quick, the imports happen there."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [self._python, "-m", ZYGOTE_MODULE, "--control", str(theirs.fileno()), "--parent", str(os.getpid())]
        command += ["--memory-kib", str(self._memory_kib)]
        for role in self._roles:
            command += ["--role", role]
        for playbook in self._playbooks:
            command += ["--playbook", playbook]
        python_path = os.pathsep.join(filter(None, [IMPORT_ROOT, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={
                "ANSIBLE_PYTHON_INTERPRETER": self._python,
                **ANSIBLE_SETTINGS,
                **os.environ,
                **self._environment,
                "PYTHONPATH": python_path,
                TOKEN: self._token,
            },
        )
        theirs.close()
        ours.setblocking(False)
        self._control = ours

    async def ready(self) -> dict[str, Any]:
        """Wait for its imports: {"inline": bool, "misfits": [name], "ansible": version, "errors": {name: error}}.

        Raises RuntimeError when it ended instead.
        """
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        loop.add_reader(self._socket().fileno(), self._receive)
        return await self._ready

    def _socket(self) -> socket.socket:
        if self._control is None:
            raise RuntimeError("the zygote has not been started")
        return self._control

    def _receive(self) -> None:
        try:
            packet = self._socket().recv(PACKET_LIMIT)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._lost()
            return
        message = json.loads(packet)
        if "ready" in message and self._ready is not None and not self._ready.done():
            self._ready.set_result(message["ready"])
        elif "spawned" in message and (link := self._links.get(message["spawned"]["id"])):
            link.pid = message["spawned"]["pid"]
        elif "exited" in message and (link := self._links.pop(message["exited"]["id"], None)):
            self._ended(link, message["exited"]["status"])

    def _ended(self, link: WorkerLink, status: str) -> None:
        if not link.exit_status.done():
            link.exit_status.set_result(status)
            if link.reader is not None:  # a process that it left may hold the connection open
                asyncio.get_running_loop().call_later(DRAIN_SECONDS, link.reader.feed_eof)

    def _lost(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket().fileno())
        self._socket().close()
        self.gone.set()
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(
                RuntimeError("the zygote ended while it imported ansible-core; see its output above")
            )
        for link in self._links.values():
            self._ended(link, "ended with the zygote")
        self._links.clear()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        end_marked(self._token)

    async def spawn(self, *, cold: bool = False) -> WorkerLink:
        """Fork a worker and wait until it is warm; a cold one is there to become a process of its own.

        Raises RuntimeError when it ended instead.
        """
        link = WorkerLink(self._next_identity)
        self._next_identity += 1
        ours, theirs = socket.socketpair()
        errors_read, errors_write = os.pipe()
        self._links[link.identity] = link
        try:
            message = json.dumps({"spawn": link.identity, "cold": cold}).encode()
            socket.send_fds(self._socket(), [message], [theirs.fileno(), errors_write])
        except OSError as error:
            ours.close()
            os.close(errors_read)
            self._links.pop(link.identity, None)
            raise RuntimeError(f"the zygote does not answer: {error}") from error
        finally:
            theirs.close()
            os.close(errors_write)
        pipe = os.fdopen(errors_read, "rb", 0)
        link.error_pipe, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: link.errors, pipe)
        link.reader, link.writer = await asyncio.open_connection(sock=ours, limit=LINE_LIMIT)
        first = await link.receive()
        if first is None or "ready" not in first:
            status = await link.exit_status
            link.close()
            raise RuntimeError(f"a worker ended before its first play: {status}; {link.errors.take()}")
        LOG.debug("worker started", extra=log.fields(worker=link.pid))
        return link

    def live_until(self, moment: float) -> None:
        """Have this process killed at a moment of CLOCK_BOOTTIME, unless a later one is told before."""
        if not self.gone.is_set() and self._control is not None:
            try:
                self._control.send(json.dumps({"until": moment}).encode())
            except OSError:
                pass

    def kill(self, link: WorkerLink) -> None:
        """Have a worker and everything below it killed."""
        if not self.gone.is_set() and not link.exit_status.done():
            try:
                self._socket().send(json.dumps({"kill": link.identity}).encode())
            except OSError:
                pass

    async def close(self) -> None:
        """End the zygote and every worker; it gets the time to remove its temporary folders."""
        if self._process is None or self.gone.is_set():
            return
        if self._ready is None or not self._ready.done():
            self._lost()  # it is importing, and has nothing to remove
            return
        self._socket().shutdown(socket.SHUT_WR)
        try:
            async with asyncio.timeout(5):
                await self.gone.wait()
        except TimeoutError:
            self._lost()
        await asyncio.sleep(0)  # transports that were closed let go of their descriptors in the next round
