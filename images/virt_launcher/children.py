"""Child processes of a PID 1: who started them, how they ended, and the orphans that the kernel hands over.

In: argument vectors. Out: exit codes. Called by run.py (libvirtd, and QEMU as an orphan of libvirtd) and disks.py (qemu-img). As
PID 1 waits for every process of its pid namespace, all waiting is done here, in one place: Python's subprocess module would race it.
Everything runs in the event loop's thread.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.playvirt.core.plugins.module_utils import process

_OUTPUT_LIMIT = 64 * 1024


class Children:
    """The processes below this one. `on_orphan(pid, name, exit_code)` hears of the end of those that nobody here started.

    `name` is the kernel's short name of the program (15 characters), exit codes are as subprocess has them: minus the signal's
    number for a killed process.
    """

    def __init__(self, on_orphan: Callable[[int, str, int], None]) -> None:
        """Start with no children; `watch` begins the waiting."""
        self._on_orphan = on_orphan
        self._exits: dict[int, asyncio.Future[int]] = {}

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Reap from now on whenever the kernel says so, and at once what ended before."""
        loop.add_signal_handler(signal.SIGCHLD, self.reap)
        self.reap()

    def adopt(self, pid: int) -> asyncio.Future[int]:
        """The future exit code of a child that was started elsewhere, in this thread, and not yet reaped."""
        return self._exits.setdefault(pid, asyncio.get_running_loop().create_future())

    def reap(self) -> None:
        """Wait for every child that has ended, without blocking."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            name = _program_name(ended.si_pid)
            _, status = os.waitpid(ended.si_pid, 0)
            code = os.waitstatus_to_exitcode(status)
            future = self._exits.pop(ended.si_pid, None)
            if future is None:
                self._on_orphan(ended.si_pid, name, code)
            elif not future.done():
                future.set_result(code)

    async def run(self, argv: Sequence[str], *, timeout_seconds: float, env: Mapping[str, str] | None = None) -> str:
        """Run a program to its end; returns the first 64 KiB of what it wrote to stdout and stderr.

        Raises errors.CommandFailed with a command line to paste.
        """
        output = os.memfd_create("output")
        try:
            pid = os.posix_spawnp(
                argv[0],
                list(argv),
                os.environ if env is None else env,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
                setsigmask=[],
            )
            code = await self._exit_code(pid, timeout_seconds)
            text = os.pread(output, _OUTPUT_LIMIT, 0).decode(errors="replace")
        except OSError as error:
            raise process.not_started(argv, error) from error
        finally:
            os.close(output)
        if code != 0:
            raise process.failure(argv, returncode=code, stderr=text, timeout_seconds=timeout_seconds)
        return text

    async def _exit_code(self, pid: int, timeout_seconds: float) -> int | None:
        """The child's exit code; a child that outlives the limit, or us, is killed and has None."""
        ended = self.adopt(pid)
        try:
            return await asyncio.wait_for(asyncio.shield(ended), timeout_seconds)
        except TimeoutError:
            return None
        finally:
            if not ended.done():
                os.kill(pid, signal.SIGKILL)


def find_programs(prefix: str) -> list[int]:
    """The processes of this pid namespace, but for this one, whose short name starts with `prefix`."""
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return [pid for pid in pids if pid != os.getpid() and _program_name(pid).startswith(prefix)]


def kill_programs(prefix: str) -> int:
    """Send SIGKILL to each process that `find_programs` finds; returns how many."""
    killed = 0
    for pid in find_programs(prefix):
        try:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        except (ProcessLookupError, PermissionError):
            continue
    return killed


def _program_name(pid: int) -> str:
    """The kernel's short name of a process, empty when it is gone."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""
