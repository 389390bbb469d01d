"""One play: a role on localhost, executed in this process by ansible-core.

Comes in: the name of a role, the extra variables as plain data, a function that takes each task's result. Goes out: a
dictionary that says how the play ended. Called by `worker.py` (and by `zygote.py` to read the roles beforehand); nothing of the
asyncio process may import this file, since it imports ansible. ansible-core wants to be on the main thread.

Extra variables are given to ansible-core as ordinary strings: it templates only what it read from files that it trusts, so a
string of an object can hold any Jinja and stays a string.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.executor.task_queue_manager import TaskQueueManager
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import action_loader
from ansible.vars.manager import VariableManager

TaskSink = Callable[[dict[str, Any]], None]
MESSAGE_LIMIT = 4096


def configure() -> None:
    """Set what ansible's command line would set, once per process."""
    context.CLIARGS = ImmutableDict(
        connection="local",
        forks=1,
        become=None,
        become_method=None,
        become_user=None,
        check=False,
        diff=False,
        verbosity=0,
        extra_vars=(),
        tags=("all",),
        skip_tags=(),
    )
    constants.DEFAULT_INTERNAL_POLL_INTERVAL = 0.0002


class Recorder(CallbackBase):  # type: ignore[misc]
    """Turns ansible-core's callbacks into {"start": NAME} and {"task": {task, action, status, msg, duration in seconds}}."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "playvirt_runner"

    def __init__(self, sink: TaskSink) -> None:
        super().__init__()
        self._sink = sink
        self._started = time.monotonic()
        self.current = ""
        self.failures: list[dict[str, str]] = []
        self.stats: dict[str, int] = {}

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._started = time.monotonic()
        self.current = str(task.name or task.action)
        self._sink({"start": self.current})

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record(result, "changed" if result.is_changed() else "ok")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._record(result, "skipped")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._record(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._record(result, "unreachable")

    def _record(self, result: Any, status: str) -> None:
        self.current = ""
        task = result.task
        name = str(task.name or task.action)
        # `result.result` is already censored where the task says no_log.
        message = _message(result.result)
        self.stats[status] = self.stats.get(status, 0) + 1
        if status in ("failed", "unreachable"):
            self.failures.append({"task": name, "msg": message})
        duration = round(time.monotonic() - self._started, 6)
        told = {"task": name, "action": str(task.action), "status": status, "msg": message, "duration": duration}
        self._sink({"task": told})


def _message(result: Mapping[str, Any]) -> str:
    message = result.get("censored") or result.get("msg") or result.get("skip_reason") or ""
    items = result.get("results")
    if isinstance(items, list) and (result.get("failed") or not message):
        failed = [i for i in items if isinstance(i, Mapping) and i.get("failed")]
        message = "; ".join(_message(item) for item in failed) or message
    return str(message)[:MESSAGE_LIMIT]


class PlayRunner:
    """Runs plays one after the other; keeps what ansible-core has read from files between them."""

    def __init__(self) -> None:
        self._loader = DataLoader()

    def preload(self, role: str) -> None:
        """Read a role's files and import the action plugins that its tasks name, so that forks have them.

        Raises what ansible-core raises for a role that is not found or cannot be read.
        """
        for loaded in self._load(role, self._variables()).roles:
            for directory in ("tasks", "handlers"):
                for path in sorted(Path(loaded.get_role_path(), directory).glob("**/*.yml")):
                    for name in _actions(self._loader.load_from_file(str(path), trusted_as_template=True)):
                        action_loader.get(name, class_only=True)

    def warm_up(self) -> None:
        """Execute a play that does nothing, so that the first real one finds everything imported."""
        variables = self._variables()
        tasks = [{"name": "Warm up", "ansible.builtin.set_fact": {"playvirt_runner_warm": True}}]
        definition = {
            "name": "Warm up",
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "tasks": tasks,
        }
        self._execute(
            Play().load(definition, variable_manager=variables, loader=self._loader),
            variables=variables,
            recorder=Recorder(lambda message: None),
        )

    def run(self, role: str, *, extra_vars: Mapping[str, Any], sink: TaskSink) -> dict[str, Any]:
        """Execute `role`; returns {"code", "failures": [{"task", "msg"}], "stats", "duration"}.

        `code` 0 is success. Whatever the play raises comes out as a failure, except that KeyboardInterrupt and SystemExit of
        a task pass: the process is not to be used again after them.
        """
        started = time.monotonic()
        variables = self._variables()
        variables.extra_vars.clear()
        variables.extra_vars.update(extra_vars)
        recorder = Recorder(sink)
        try:
            code = self._execute(self._load(role, variables), variables=variables, recorder=recorder)
        except Exception as error:
            code = 250
            recorder.failures.append({"task": recorder.current or f"role {role}", "msg": str(error)[:MESSAGE_LIMIT]})
        finally:
            self._loader.cleanup_all_tmp_files()
        if code and not recorder.failures:
            recorder.failures.append({"task": f"role {role}", "msg": f"ansible-core ended the play with code {code}"})
        return {
            "code": code,
            "failures": recorder.failures,
            "stats": recorder.stats,
            "duration": round(time.monotonic() - started, 6),
        }

    def _execute(self, play: Play, *, variables: VariableManager, recorder: Recorder) -> int:
        recorder._init_callback_methods()
        manager = TaskQueueManager(
            inventory=variables._inventory,
            variable_manager=variables,
            loader=self._loader,
            passwords={},
            forks=1,
        )
        try:
            manager._callback_plugins = [recorder]
            return int(manager.run(play))
        finally:
            manager.cleanup()

    def _variables(self) -> VariableManager:
        """The variables of a fresh inventory that has one host, localhost; parsing a list of hosts would cost milliseconds."""
        inventory = InventoryManager(loader=self._loader, parse=False)
        inventory.add_host("localhost", "ungrouped")
        inventory.reconcile_inventory()
        return VariableManager(loader=self._loader, inventory=inventory)

    def _load(self, role: str, variables: VariableManager) -> Play:
        definition = {
            "name": role,
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "roles": [{"role": role}],
        }
        return Play().load(definition, variable_manager=variables, loader=self._loader)


def _actions(tasks: Any) -> Iterator[str]:
    """The fully qualified names among the keys of tasks, in blocks too."""
    for task in tasks if isinstance(tasks, list) else []:
        for key, value in task.items() if isinstance(task, Mapping) else []:
            if key in ("block", "rescue", "always"):
                yield from _actions(value)
            elif "." in key:
                yield str(key)
