"""Modules of kubernetes.core in a warm process: what ansible-core packs, ships and starts as a fresh interpreter goes to the module host instead.

In: `install(host)` once per zygote with the socket to the host (`module_host.py`), `use()` before a run. Out: whether the installed ansible-core fits.
Only three steps of ActionBase._execute_module are replaced, for the one call: a temporary directory is not made, the module is not packed, and the
command is not given to a shell. Arguments are made and the result is read by ansible-core's own code, so both are the same. A task that says anything
about how its module is to be started (become, environment, another connection or interpreter, async, kept files) is executed as ansible-core always
does. Called by `zygote.py` and `worker.py`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import selectors
import socket
import sys
from collections.abc import Mapping
from typing import Any

COLLECTION = "kubernetes.core."
MODULES = "ansible_collections.kubernetes.core.plugins.modules."
OUTPUT_LIMIT = 512 * 1024 * 1024
_use = {"warm": True}


def use(warm: bool) -> None:
    """Whether the plays that follow use the module host."""
    _use["warm"] = warm


def _module(action: Any, name: str | None) -> str | None:
    """The full name of the module where it is one of kubernetes.core, as ansible-core itself would find it."""
    asked = name or action._task.action
    loader = action._shared_loader_obj.module_loader
    found = loader.find_plugin_with_context(asked, "", collection_list=action._task.collections)
    resolved = str(found.plugin_resolved_name or "") if found.resolved else ""
    return resolved.rpartition(".")[2] if resolved.startswith(MODULES) else None


def _is_plain(action: Any, variables: Mapping[str, Any], *, wrap_async: bool) -> bool:
    """Whether the task leaves to us how its module is started."""
    from ansible import constants

    task, connection = action._task, action._connection
    if (
        wrap_async
        or task.async_val
        or getattr(connection, "transport", None) != "local"
        or getattr(connection, "become", None) is not None
        or any(task.environment or ())
        or constants.DEFAULT_KEEP_REMOTE_FILES
    ):
        return False
    known = variables
    if task.delegate_to:
        known = (variables.get("ansible_delegated_vars") or {}).get(task.delegate_to) or {}
    given = known.get("ansible_python_interpreter", constants.config.get_config_value("INTERPRETER_PYTHON"))
    return bool(action._templar.template(given) == sys.executable)


class _Task:
    """The three steps for one call of _execute_module."""

    def __init__(self, host: socket.socket, module: str, directory: str) -> None:
        self._host = host
        self._directory = directory
        self._module = module

    def is_pipelining_enabled(self, module_style: str, wrap_async: bool = False) -> bool:
        return True

    def configure_module(self, module_name: str, module_args: Any, task_vars: Any) -> tuple[Any, str]:
        from ansible.executor import module_common
        from ansible.module_utils.common.json import Direction, get_module_encoder

        encoder = get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE)
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": module_args}, cls=encoder)
        built = module_common._BuiltModule(
            b_module_data=arguments.encode(),
            module_style="new",
            shebang="#!" + sys.executable,
            serialization_profile="legacy",
        )
        return built, self._module

    def execute_command(self, cmd: str, *rest: Any, in_data: bytes = b"", **more: Any) -> dict[str, Any]:
        """Have the module executed: {"rc", "stdout", "stdout_lines", "stderr", "stderr_lines"}."""
        request = {
            "module": MODULES + self._module,
            "arguments": in_data.decode(),
            "environment": dict(os.environ),
            "directory": self._directory,
        }
        code, output, errors = _ask(self._host, json.dumps(request).encode())
        out, err = output.decode(errors="surrogateescape"), errors.decode(errors="surrogateescape")
        return {
            "rc": code,
            "stdout": out,
            "stdout_lines": out.splitlines(),
            "stderr": err,
            "stderr_lines": err.splitlines(),
        }


def _ask(host: socket.socket, request: bytes) -> tuple[int, bytes, bytes]:
    """Send one request and read the answer; the status is 137 where the child could not end by itself.

    The ends that are kept here are closed whatever happens, which ends the child: a task's own timeout comes as an exception.
    """
    request_read, request_write = os.pipe()
    output_read, output_write = os.pipe()
    errors_read, errors_write = os.pipe()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    opened = {request_write, output_read, errors_read}
    with ours:
        try:
            try:
                socket.send_fds(host, [b"run"], [request_read, output_write, errors_write, theirs.fileno()])
            finally:
                theirs.close()
                for descriptor in (request_read, output_write, errors_write):
                    os.close(descriptor)
            return _exchange(request, request_write, output_read, errors_read, ours, opened)
        finally:
            for descriptor in opened:
                os.close(descriptor)


def _exchange(
    request: bytes, request_write: int, output: int, errors: int, status: socket.socket, opened: set[int]
) -> tuple[int, bytes, bytes]:
    read: dict[int, list[bytes]] = {output: [], errors: []}
    size = 0
    os.set_blocking(request_write, False)
    with selectors.DefaultSelector() as selector:
        selector.register(request_write, selectors.EVENT_WRITE)
        for descriptor in read:
            selector.register(descriptor, selectors.EVENT_READ)
        while len(selector.get_map()):
            for key, _ in selector.select():
                if key.fd == request_write:
                    try:
                        request = request[os.write(request_write, request) :]
                    except BrokenPipeError:
                        request = b""
                    done = not request
                else:
                    part = os.read(key.fd, 1 << 20)
                    read[key.fd].append(part)
                    size += len(part)
                    done = not part
                if size > OUTPUT_LIMIT:
                    raise ValueError(f"the module wrote more than {OUTPUT_LIMIT} bytes")
                if done:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    opened.discard(key.fd)
    code = status.recv(64)
    return (int(code) if code else 137), b"".join(read[output]), b"".join(read[errors])


def fits() -> bool:
    """Whether the private parts of the installed ansible-core are those that this file was written for."""
    try:
        from ansible.executor import module_common
        from ansible.module_utils._internal._ansiballz import _loader
        from ansible.plugins.action import ActionBase

        needed = {
            f.name
            for f in dataclasses.fields(module_common._BuiltModule)
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        }
        code = _loader.run_module.__code__
        arguments = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        names = ("_execute_module", "_is_pipelining_enabled", "_configure_module", "_low_level_execute_command")
        methods = all(callable(getattr(ActionBase, name)) for name in names)
    except (ImportError, AttributeError, TypeError):
        return False
    return (
        methods
        and needed == {"b_module_data", "module_style", "shebang", "serialization_profile"}
        and {"json_params", "profile", "module_fqn", "modlib_path", "extensions"} <= arguments
    )


def install(host: socket.socket) -> bool:
    """Let actions of this process use the host; False, and nothing changed, where that does not fit."""
    if not fits():
        return False
    from ansible.plugins.action import ActionBase

    original = ActionBase._execute_module

    def execute_module(
        self: Any, module_name: Any = None, module_args: Any = None, tmp: Any = None, task_vars: Any = None, **more: Any
    ) -> Any:
        given = {"module_name": module_name, "module_args": module_args, "tmp": tmp, "task_vars": task_vars, **more}
        module = _module(self, module_name) if _use["warm"] else None
        wrap_async = bool(more.get("wrap_async"))
        if module is None or not _is_plain(self, task_vars or {}, wrap_async=wrap_async):
            return original(self, **given)
        steps = _Task(host, module, str(self._loader.get_basedir()))
        self._is_pipelining_enabled = steps.is_pipelining_enabled
        self._configure_module = steps.configure_module
        self._low_level_execute_command = steps.execute_command
        try:
            return original(self, **given)
        finally:
            del self._is_pipelining_enabled, self._configure_module, self._low_level_execute_command

    ActionBase._execute_module = execute_module
    return True
