"""The launcher's own connection to libvirtd: what state the domain is in, from libvirt's events; and shutdown, destroy.

In: libvirt's URI, the domain's name. Out: calls of `on_state` with each new state, in order, in the event loop's thread. Called by
run.py. libvirt blocks, so its calls run in threads; a libvirtd that does not answer is killed (supervisor.py starts another), and
the connection is opened again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable
from concurrent import futures

from ansible_collections.playvirt.core.images.virt_launcher import supervisor
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import connection, domain, events, guest_agent

_ANSWER_SECONDS = 30.0
"""How long a new libvirtd may take to answer; doubled each time, for machines that are that slow."""

_KEEPALIVE_SECONDS = 10
_KEEPALIVE_COUNT = 3
_RETRY_SECONDS = 0.02
_STARTED = frozenset({"running", "paused", "blocked", "pmsuspended", "shutdown", "crashed"})

logger = logging.getLogger(__name__)


class DomainWatch:
    """Follows one domain. `state` is what was last seen, `started` whether it ever ran, `ready` is set while libvirtd answers."""

    def __init__(
        self,
        *,
        uri: str,
        name: str,
        libvirtd: supervisor.Supervisor,
        on_state: Callable[[domain.DomainState], None],
        on_agent: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; `run` begins. `on_agent` hears when the guest's agent may have come or gone."""
        self._uri = uri
        self._name = name
        self._libvirtd = libvirtd
        self._on_state = on_state
        self._on_agent = on_agent
        self._connection: connection.Connection = None
        self._notices: asyncio.Queue[events.LifecycleEvent | None] = asyncio.Queue()
        self._threads = futures.ThreadPoolExecutor(max_workers=8, thread_name_prefix="libvirt")
        self.state = domain.DomainState(state=domain.ABSENT)
        self.started = False
        self.ready = asyncio.Event()
        self._reported: tuple[domain.DomainState, bool] | None = None

    async def run(self) -> None:
        """Connect, follow, connect again, until cancelled."""
        loop = asyncio.get_running_loop()
        connection.start_event_loop()
        follower = asyncio.create_task(self._follow())
        try:
            while True:
                closed: asyncio.Future[str] = loop.create_future()
                try:
                    self._connection = await self._open()
                    await self._blocking(self._attach, loop, closed)
                except errors.HypervisorError as error:
                    logger.warning("%s", error)
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                logger.info("connected to libvirtd")
                self.ready.set()
                self.refresh()
                self._on_agent()
                reason = await closed
                logger.warning("connection to libvirtd ended: %s", reason)
                self.ready.clear()
                if reason == "keepalive":
                    self._libvirtd.kill(f"no answer for {_KEEPALIVE_SECONDS * _KEEPALIVE_COUNT} s")
                await self._blocking(connection.close, self._connection)
        finally:
            follower.cancel()

    def refresh(self) -> None:
        """Look at the domain again, as after an event."""
        self._notices.put_nowait(None)

    async def shutdown(self) -> None:
        """Ask the guest to turn itself off. Raises errors.HypervisorError."""
        await self.call(guest_agent.shut_down)

    async def destroy(self) -> None:
        """Turn the domain off. Raises errors.HypervisorError."""
        await self.call(domain.destroy)

    async def call[T](self, verb: Callable[[connection.Connection, str], T]) -> T:
        """Do a verb of the hypervisor room on the domain. Raises errors.HypervisorError."""
        if not self.ready.is_set():
            raise errors.HypervisorError("libvirtd does not answer yet")
        return await self._blocking(verb, self._connection, self._name)

    async def _open(self) -> connection.Connection:
        """A connection to libvirtd, however often it has to be killed for it. Raises errors.HypervisorError."""
        opening = asyncio.ensure_future(self._blocking(connection.open_connection, self._uri))
        patience = _ANSWER_SECONDS
        while True:
            done, _ = await asyncio.wait([opening], timeout=patience)
            if done:
                return opening.result()
            self._libvirtd.kill(f"no answer within {patience:g} s of its start")
            patience *= 2

    def _attach(self, loop: asyncio.AbstractEventLoop, closed: asyncio.Future[str]) -> None:
        """In a thread: have the new connection report its end and its events to the event loop."""

        def on_close(reason: str) -> None:
            _tell(loop, _settle, closed, reason)

        def on_event(event: events.LifecycleEvent) -> None:
            _tell(loop, self._notices.put_nowait, event)

        def on_agent(name: str) -> None:
            if name == self._name:
                _tell(loop, self._on_agent)

        connection.on_close(self._connection, on_close)
        events.subscribe(self._connection, on_event)
        events.subscribe_agent(self._connection, on_agent)
        connection.set_keepalive(self._connection, interval_seconds=_KEEPALIVE_SECONDS, count=_KEEPALIVE_COUNT)

    async def _follow(self) -> None:
        """Turn notices into states, one after the other."""
        while True:
            notice = await self._notices.get()
            if notice is not None and notice.domain_name != self._name:
                continue
            if notice is not None and notice.event in ("started", "resumed"):
                self.started = True
            if notice is not None and notice.event == "stopped":
                # The state may have changed again since, or the domain be undefined; why it stopped is only said here.
                self._saw(await self._stopped(notice.reason))
                continue
            try:
                self._saw(await self._blocking(domain.get_state, self._connection, self._name))
            except errors.HypervisorError as error:
                logger.warning("%s", error)

    async def _stopped(self, reason: str) -> domain.DomainState:
        """What a `stopped` event says. It calls a crash `failed`, as it does a failed start: the domain tells which, while it is still off."""
        if reason == "failed":
            with contextlib.suppress(errors.HypervisorError):
                state = await self._blocking(domain.get_state, self._connection, self._name)
                if state.state == "shutoff" and state.reason not in ("", "unknown"):
                    return state
        return domain.DomainState(state="shutoff", reason=reason)

    def _saw(self, state: domain.DomainState) -> None:
        """Keep and report a state, once; and once more when only now it is known that the domain was started."""
        if state.state in _STARTED and state.reason != "starting_up":
            self.started = True
        before, was_started = self._reported or (None, False)
        if before and was_started and before.state == state.state == "shutoff" and before.reason != "unknown":
            return  # the first reason is the true one: its event may call it by a less exact name
        if self._reported != (state, self.started):
            self._reported = (state, self.started)
            self.state = state
            self._on_state(state)

    async def _blocking[**P, T](self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Run a blocking call in a thread."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, functools.partial(call, *arguments, **named)
        )


def _tell[*Ts](loop: asyncio.AbstractEventLoop, call: Callable[[*Ts], object], *arguments: *Ts) -> None:
    """From libvirt's thread: have the event loop call; nobody listens once it is closed."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *arguments)


def _settle(future: asyncio.Future[str], reason: str) -> None:
    """Resolve a future that may be resolved already."""
    if not future.done():
        future.set_result(reason)
