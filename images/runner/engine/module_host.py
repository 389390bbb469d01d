"""The module host: a process that has imported the `kubernetes` package and kubernetes.core's modules once, and forks a child for every task that
runs one.

Started by `zygote.py` when the first such task comes: `python -m ...engine.module_host --control FD --parent PID --path DIRECTORY...`. On the control socket
(unix, SOCK_SEQPACKET) comes a packet per task with four descriptors: the request, standard output, standard error, and a socket that tells the exit
status and whose other end is closed when nobody waits for the task any more: then the child is killed. The request is one JSON object {"module",
"arguments", "environment", "directory"}; arguments never stand on a command line. The child executes the module as ansible's own wrapper does, with
ansible-core's own function for that, from a process that has run no module before it: nothing of one task is there in the next. This file imports
ansible-core's module side only.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import traceback
import warnings
from contextlib import suppress
from typing import Any, NoReturn

from ansible_collections.playvirt.core.images.runner.engine import kernel, surroundings

MODULES = "ansible_collections.kubernetes.core.plugins.modules"
IDLE_SECONDS = 600
PROFILE = "legacy"  # the form in which ansible-core speaks with modules that say nothing else


def preload() -> None:
    """Import what the modules import; a module that cannot be imported here fails in its task, with its own words."""
    from ansible.module_utils._internal._ansiballz import _loader  # noqa: F401

    with warnings.catch_warnings(action="ignore"), suppress(ImportError):
        for found in pkgutil.iter_modules(importlib.import_module(MODULES).__path__, MODULES + "."):
            with suppress(ImportError):
                importlib.import_module(found.name)
    for name in [name for name in sys.modules if name.startswith(MODULES + ".")]:
        del sys.modules[name]  # a module is executed as __main__, fresh each time


def execute(request: dict[str, Any]) -> NoReturn:
    """Be the module: its result goes to standard output, its exit status is the process's."""
    from ansible.module_utils._internal._ansiballz import _loader

    code: object = 1
    try:
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["directory"])
        sys.argv = [request["module"]]
        _loader.run_module(
            json_params=request["arguments"].encode(),
            profile=PROFILE,
            module_fqn=request["module"],
            modlib_path="",
            extensions={},
        )
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


class Host:
    """Forks, reaps and kills the children; `serve` ends with the control socket."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, socket.socket] = {}  # pid -> who waits for it
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Answer until the other side is gone, then kill what is left; or until nobody asked for long: the next request starts another host."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        while True:
            poller = select.poll()
            poller.register(self._control, select.POLLIN)
            poller.register(self._wake_read, select.POLLIN)
            waiting = {connection.fileno(): pid for pid, connection in self._children.items()}
            for descriptor in waiting:
                poller.register(descriptor, select.POLLIN)
            events = poller.poll(IDLE_SECONDS * 1000)
            if not events and not self._children:
                return
            for descriptor, _ in events:
                if descriptor == self._wake_read:
                    with suppress(BlockingIOError):
                        os.read(self._wake_read, 512)
                    self._reap()
                elif descriptor == self._control.fileno():
                    if not self._accept():
                        surroundings.end_descendants()
                        return
                elif descriptor in waiting and waiting[descriptor] in self._children:
                    surroundings.kill_tree(waiting[descriptor])

    def _accept(self) -> bool:
        try:
            packet, descriptors, _flags, _address = socket.recv_fds(self._control, 64, 4)
        except OSError:
            return False
        if len(descriptors) == 4:
            self._fork(descriptors)
        else:
            for descriptor in descriptors:
                os.close(descriptor)
        return bool(packet)

    def _fork(self, descriptors: list[int]) -> None:
        request, output, errors, waiting = descriptors
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_module(parent, request=request, output=output, errors=errors, waiting=waiting)
        for descriptor in (request, output, errors):
            os.close(descriptor)
        self._children[pid] = socket.socket(fileno=waiting)

    def _become_module(self, parent: int, *, request: int, output: int, errors: int, waiting: int) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            kernel.die_with_parent(parent)
            os.setsid()
            self._control.close()
            for connection in self._children.values():
                connection.close()
            for descriptor in (self._wake_read, self._wake_write, waiting):
                os.close(descriptor)
            os.dup2(output, 1)
            os.dup2(errors, 2)
            with open(request, "rb") as file:
                asked = json.load(file)
            for descriptor in (output, errors):
                os.close(descriptor)
            gc.enable()
            execute(asked)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _reap(self) -> None:
        for pid, status in surroundings.reap():
            waiting = self._children.pop(pid, None)
            if waiting is not None:
                with suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)  # what it left running
                with suppress(OSError):
                    waiting.send(str(os.waitstatus_to_exitcode(status)).encode())
                waiting.close()


def main() -> None:
    """Import, then serve; requests that came meanwhile wait in the socket."""
    parser = argparse.ArgumentParser(prog="module_host")
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--path", action="append", default=[])
    arguments = parser.parse_args()
    kernel.die_with_parent(arguments.parent)
    kernel.own_orphans()
    control = socket.socket(fileno=arguments.control)
    control.set_inheritable(False)
    # The collections' paths in ansible-core's order: of two places that have a collection the first counts.
    sys.path[:] = [*arguments.path, *(path for path in sys.path if path not in arguments.path)]
    preload()
    gc.collect()
    gc.disable()
    gc.freeze()
    Host(control).serve()


if __name__ == "__main__":
    main()
