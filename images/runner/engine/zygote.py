"""The zygote: a single-threaded process that has imported ansible-core, our plugins and the roles once, and forks workers.

Started by `engine.py` as `python -m ...images.runner.engine.zygote --control FD --role NAME... --playbook PATH...`, before anything else. On the control
socket (unix, SOCK_SEQPACKET, one JSON object per packet) comes in {"spawn": N, "cold": bool} with two descriptors (the worker's
connection, its standard error), {"kill": N} and {"until": T}; goes out {"ready": {"inline", "misfits", "ansible", "errors": {NAME: error}}},
{"spawned": {"id", "pid"}}, {"exited": {"id", "status"}}. It ends, and everything below it, when the control socket is closed.

T is a moment of CLOCK_BOOTTIME: when it has passed without a later one, the controller has lost its lease without noticing (it is stopped), and
the zygote kills it with everything below.

It never executes a play itself: ansible-core starts threads for a play, and they would not survive a fork.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any

from ansible_collections.playvirt.core.images.runner.engine import kernel, surroundings

PACKET_LIMIT = 65536
OUT_OF_MEMORY_SCORE = 500
LEASE_MILLISECONDS = 250
FAILING_TIMES, FAILING_SECONDS = 3, 30.0
HOST_MODULE = "ansible_collections.playvirt.core.images.runner.engine.module_host"


class HostStarter:
    """Starts the module host when somebody asks it for something, and again after it ended; `asking` is the other end, for workers."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._failed: list[float] = []
        self.requests, self.asking = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = 0

    def start(self) -> None:
        """Start it with its end of the socket, where the first request waits."""
        command = [
            sys.executable,
            "-m",
            HOST_MODULE,
            "--control",
            str(self.requests.fileno()),
            "--parent",
            str(os.getpid()),
        ]
        for path in self._paths:
            command += ["--path", path]
        self.pid = subprocess.Popen(command, pass_fds=[self.requests.fileno()], stdin=subprocess.DEVNULL).pid

    def ended(self, status: int) -> None:
        """Note its end; where it fails again and again, the requests that wait are dropped, which fails their tasks."""
        self.pid = 0
        now = time.monotonic()
        self._failed = [at for at in self._failed if now - at < FAILING_SECONDS] + ([now] if status else [])
        if len(self._failed) < FAILING_TIMES:
            return
        with suppress(BlockingIOError):
            while True:
                _, descriptors, _, _ = socket.recv_fds(self.requests, 64, 4, socket.MSG_DONTWAIT)
                for descriptor in descriptors:
                    os.close(descriptor)


class Zygote:
    """Answers the control socket and reaps the workers."""

    def __init__(
        self, control: socket.socket, runner: Any, host: HostStarter, *, controller: int, memory_kib: int
    ) -> None:
        self._controller = controller  # a pidfd: its number may be another process's by then
        self._host = host
        self._memory = memory_kib * 1024
        self._control = control
        self._runner = runner
        self._workers: dict[int, int] = {}  # pid -> id
        self._folders: dict[int, str] = {}  # pid -> where multiprocessing has its sockets
        self._until: float | None = None
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._inherited_signals = [signal.SIGCHLD, signal.SIGTERM, signal.SIGINT]

    def serve(self) -> None:
        """Fork, kill and reap until the other side is gone; then kill what is left, also what plays have started."""
        kernel.wake_when_parent_ends()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the controller drains its workers, then closes the socket
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._wake_read, select.POLLIN)
        poller.register(self._host.requests, select.POLLIN)
        try:
            while True:
                # Short waits: poll's clock stands still while the machine sleeps, the lease's does not.
                ready = dict(poller.poll(None if self._until is None else LEASE_MILLISECONDS))
                if self._until is not None and time.clock_gettime(time.CLOCK_BOOTTIME) > self._until:
                    with suppress(ProcessLookupError):
                        signal.pidfd_send_signal(self._controller, signal.SIGKILL)
                    return
                if self._wake_read in ready:
                    with suppress(BlockingIOError):
                        os.read(self._wake_read, 512)
                    self._reap(poller)
                if self._host.requests.fileno() in ready and not self._host.pid:
                    poller.unregister(self._host.requests)  # it reads them itself now
                    self._host.start()
                if self._control.fileno() in ready and not self._answer():
                    return
        finally:
            surroundings.end_descendants()
            for folder in self._folders.values():
                shutil.rmtree(folder, ignore_errors=True)

    def _send(self, message: dict[str, Any]) -> None:
        with suppress(OSError):
            self._control.send(json.dumps(message).encode())

    def _answer(self) -> bool:
        try:
            packet, descriptors, _flags, _address = socket.recv_fds(self._control, PACKET_LIMIT, 2)
        except OSError:
            return False
        if not packet:
            return False
        message = json.loads(packet)
        if "spawn" in message:
            self._spawn(int(message["spawn"]), descriptors, cold=message["cold"])
        elif "kill" in message:
            self._kill(int(message["kill"]))
        elif "until" in message:
            self._until = float(message["until"])
        return True

    def _spawn(self, identity: int, descriptors: list[int], *, cold: bool) -> None:
        connection, errors = descriptors
        # As multiprocessing names it, and no longer: the path of a socket in it has to be short.
        parent, folder = os.getpid(), tempfile.mkdtemp(prefix="pymp-")
        pid = os.fork()
        if pid == 0:
            # It would make one itself and leave it, since it ends without cleaning up.
            vars(multiprocessing.current_process())["_config"]["tempdir"] = folder
            self._become_worker(parent, connection=connection, errors=errors, cold=cold)
        for descriptor in descriptors:
            os.close(descriptor)
        self._workers[pid] = identity
        self._folders[pid] = folder
        self._send({"spawned": {"id": identity, "pid": pid}})

    def _become_worker(self, parent: int, *, connection: int, errors: int, cold: bool) -> None:
        try:
            signal.set_wakeup_fd(-1)
            for number in self._inherited_signals:
                signal.signal(number, signal.SIG_DFL)
            kernel.die_with_parent(parent)
            os.setsid()
            kernel.own_orphans()
            resource.setrlimit(resource.RLIMIT_DATA, (self._memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))
            kernel.stand_in_front(OUT_OF_MEMORY_SCORE)
            for descriptor in (self._wake_read, self._wake_write, self._controller):
                os.close(descriptor)
            self._control.close()
            self._host.requests.close()
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            os.dup2(errors, 2)
            os.close(errors)
            os.close(null)
            from . import worker

            if cold:
                worker.become(socket.socket(fileno=connection))
            worker.main(socket.socket(fileno=connection), self._runner)
        finally:
            os._exit(1)

    def _kill(self, identity: int) -> None:
        for pid, known in self._workers.items():
            if known == identity:
                surroundings.kill_tree(pid)

    def _reap(self, poller: select.poll) -> None:
        for pid, status in surroundings.reap():
            if pid == self._host.pid:
                self._host.ended(status)
                poller.register(self._host.requests, select.POLLIN)
            elif pid in self._workers:
                code = os.waitstatus_to_exitcode(status)
                text = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
                shutil.rmtree(self._folders.pop(pid), ignore_errors=True)
                self._send({"exited": {"id": self._workers.pop(pid), "status": text}})
            else:
                continue  # an orphan
            self._end_orphans()

    def _end_orphans(self) -> None:
        """What a dead worker or module host has left running is ours now (subreaper) and is ended."""
        known = {*self._workers, self._host.pid} - {0}
        kept = {pid for worker in known for pid in surroundings.descendants(worker)} | known
        for pid in surroundings.descendants(os.getpid()):
            if pid not in kept:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


def load(roles: list[str], playbooks: list[str]) -> tuple[Any, HostStarter, dict[str, Any]]:
    """Import ansible-core and read the roles and playbooks; returns the play runner, the module host and what to tell the controller."""
    import ansible
    from ansible.plugins.loader import init_plugin_loader
    from ansible.utils.collection_loader import AnsibleCollectionConfig

    init_plugin_loader([])
    # This file came through PYTHONPATH; from here on ansible-core's own finder serves the collections, in all their paths.
    for name in [n for n in sys.modules if n.partition(".")[0] == "ansible_collections"]:
        del sys.modules[name]
    from ansible_collections.playvirt.core.images.runner.engine import (
        compiled_templates,
        core_shortcuts,
        inline_tasks,
        play,
        warm_modules,
    )
    from ansible_collections.playvirt.core.images.runner.engine import worker as worker  # forks have it

    play.configure()
    compiled_templates.install()
    misfits = core_shortcuts.install()
    runner = play.PlayRunner()
    errors: dict[str, str] = {}
    for read, names in ((runner.preload, roles), (runner.preload_playbook, playbooks)):
        for name in names:
            try:
                read(name)
            except Exception as error:
                errors[name] = str(error)
    host = HostStarter(list(AnsibleCollectionConfig.collection_paths))
    warm_modules.install(host.asking)
    ready = {"inline": inline_tasks.install(), "misfits": misfits, "ansible": ansible.__version__, "errors": errors}
    return runner, host, ready


def main() -> None:
    """Load, say ready, serve."""
    parser = argparse.ArgumentParser(prog="zygote")
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--memory-kib", type=int, required=True)
    parser.add_argument("--role", action="append", default=[])
    parser.add_argument("--playbook", action="append", default=[])
    arguments = parser.parse_args()
    kernel.die_with_parent(arguments.parent)
    controller = os.pidfd_open(arguments.parent)
    kernel.own_orphans()
    control = socket.socket(fileno=arguments.control)
    control.set_inheritable(False)
    runner, host, ready = load(arguments.role, arguments.playbook)
    gc.collect()
    gc.freeze()
    control.send(json.dumps({"ready": ready}).encode())
    try:
        Zygote(control, runner, host, controller=controller, memory_kib=arguments.memory_kib).serve()
    finally:
        control.detach()  # the other side hears of the end when this process has cleaned up


if __name__ == "__main__":
    main()
