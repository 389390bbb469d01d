"""Subcommand run: the wiring of the launcher's parts, from libvirtd's start to the pod's exit code.

In: Options, and the libvirtd that __main__.py has already started. Out: never returns; the process ends with the outcome's code, after
the pod's termination log was written. Called by __main__.py. As PID 1 its end takes every other process of the container with it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ansible_collections.playvirt.core.images.virt_launcher import (
    agent_watch,
    children,
    commands,
    domain_watch,
    fence,
    guest_shutdown,
    handler_link,
    libvirtd,
    log,
    outcome,
    paths,
    supervisor,
)
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import domain

_QEMU = "qemu-system"
_LIBVIRTD_AWAY_SECONDS = 15.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The VMI (namespace, name and uid), the guest's time to shut down, and the longest time that QEMU runs without virt-handler's renewal."""

    identity: Mapping[str, str]
    grace_period_seconds: float
    fence_seconds: float


def run(
    options: Options,
    *,
    listener: socket.socket,
    env: Mapping[str, str],
    libvirtd_pid: int,
    greeted: socket.socket | None,
) -> NoReturn:
    """Live until the domain has ended or the pod shall end; `greeted` is a line to virt-handler that was opened already."""
    log.configure(f"{options.identity['namespace']}/{options.identity['name']}")
    spawn = functools.partial(libvirtd.spawn, listener, env)
    try:
        asyncio.run(_Launcher(options, greeted).live(spawn, libvirtd_pid))
    except Exception:
        logger.exception("virt-launcher failed")
    leave(outcome.Outcome(exit_code=1, state="", reason="", message="virt-launcher failed; see its log"))


def leave(end: outcome.Outcome) -> NoReturn:
    """Write the termination log and end this process at once: threads may hang in libvirt."""
    logger.info("virt-launcher ends with code %d: %s", end.exit_code, end.message)
    try:
        with open(paths.TERMINATION_LOG, "w", encoding="utf-8") as file:
            file.write(end.termination_message())
    except OSError as error:
        logger.warning("%s cannot be written: %s", paths.TERMINATION_LOG, error.strerror)
    sys.stderr.flush()
    os._exit(end.exit_code)


class _Launcher:
    """The parts, and the news that go between them."""

    def __init__(self, options: Options, greeted: socket.socket | None) -> None:
        self._options = options
        self._greeted = greeted
        self._qemu: frozenset[int] = frozenset()
        self._qemu_exit: int | None = None
        self._processes = children.Children(self._on_orphan)
        self._fence = fence.Fence(seconds=options.fence_seconds, fall=_fall)

    async def live(self, spawn: Callable[[], int], libvirtd_pid: int) -> NoReturn:
        """Run all parts until an end. Raises what a part fails with."""
        loop = asyncio.get_running_loop()
        self._end: asyncio.Future[outcome.Outcome] = loop.create_future()
        keeper = supervisor.Supervisor(processes=self._processes, spawn=spawn, pid=libvirtd_pid)
        self._watch = domain_watch.DomainWatch(
            uri=libvirtd.uri(paths.LIBVIRT),
            name=f"{self._options.identity['namespace']}_{self._options.identity['name']}",
            libvirtd=keeper,
            on_state=self._on_state,
            on_agent=lambda: self._agent.notice(),
        )
        self._agent = agent_watch.AgentWatch(
            domain=self._watch, on_information=lambda told: self._link.report_agent(told)
        )
        self._link = handler_link.HandlerLink(
            path=paths.HANDLER_SOCKET,
            identity=self._options.identity,
            greeted=self._greeted,
            execute=commands.Commands(self._processes, self._watch).execute,
            on_renew=self._fence.renew,
        )
        self._tasks: set[asyncio.Task[Any]] = set()
        for part in (keeper.run(), self._watch.run(), self._agent.run(), self._link.run()):
            self._start(part)
        self._processes.watch(loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_terminate)
        self._fence.start()
        leave(await self._end)

    def _start(self, part: Coroutine[Any, Any, Any]) -> None:
        """Run a part beside the others; its failure is the launcher's."""
        task = asyncio.create_task(part)
        self._tasks.add(task)
        task.add_done_callback(self._on_part_ended)

    def _on_part_ended(self, task: asyncio.Task[Any]) -> None:
        """A part ended: well, or with an error that nobody foresaw."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self._end.done():
            self._end.set_exception(error)

    def _on_state(self, state: domain.DomainState) -> None:
        """The domain has a new state."""
        logger.info("domain is %s %s", state.state, f"({state.reason})" if state.reason else "")
        if self._watch.started:
            self._fence.arm()
            self._qemu = self._qemu or frozenset(children.find_programs(_QEMU))
        self._link.report(state)
        self._finish(outcome.judge(state, started=self._watch.started, qemu_exit=self._qemu_exit))

    def _on_orphan(self, pid: int, name: str, exit_code: int) -> None:
        """A process ended that libvirtd, or one of its dead predecessors, had started: the domain's QEMU, or one that was probed."""
        if pid in self._qemu:
            logger.info("QEMU ended with code %d", exit_code)
            self._qemu_exit = exit_code
            self._watch.refresh()
            self._start(self._give_up_on_libvirtd(exit_code))

    async def _give_up_on_libvirtd(self, exit_code: int) -> None:
        """End without libvirtd's word when it does not come."""
        await asyncio.sleep(_LIBVIRTD_AWAY_SECONDS)
        if not self._watch.ready.is_set():
            self._finish(outcome.lost(exit_code))

    def _on_terminate(self) -> None:
        """The pod shall end."""
        if not self._watch.started:
            self._finish(
                outcome.Outcome(
                    exit_code=0,
                    state=self._watch.state.state,
                    reason="",
                    message="told to end before a domain was started",
                )
            )
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _ignore)
        logger.info("told to end: shutting the guest down within %g s", self._options.grace_period_seconds)
        self._start(
            guest_shutdown.shut_down(
                self._watch,
                grace_seconds=self._options.grace_period_seconds,
                ended=self._end,
                kill=functools.partial(self._kill_qemu, "it did not end in time"),
            )
        )

    def _kill_qemu(self, why: str) -> None:
        """Destroy the domain without libvirtd, and end."""
        children.kill_programs(_QEMU)
        destroyed = domain.DomainState(state="shutoff", reason="destroyed")
        self._link.report(destroyed)
        message = f"killed QEMU: {why}"
        self._finish(outcome.Outcome(exit_code=0, state=destroyed.state, reason=destroyed.reason, message=message))

    def _finish(self, end: outcome.Outcome | None) -> None:
        """Keep the first outcome."""
        if end is not None and not self._end.done():
            self._end.set_result(end)


def _fall(age: float) -> NoReturn:
    """The fence falls: in its own thread, past libvirt and the event loop."""
    killed = children.kill_programs(_QEMU)
    message = f"fenced: virt-handler renewed nothing for {age:.0f} s, killed {killed} QEMU"
    leave(outcome.Outcome(exit_code=1, state="shutoff", reason="destroyed", message=message))


def _ignore() -> None:
    """A signal that was obeyed already."""
