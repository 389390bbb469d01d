"""One run: a role on localhost, or the plays of a playbook, executed in this process by ansible-core.

Comes in: a role or a playbook, the extra variables as plain data, a function that takes each task's result. Goes out: a
dictionary that says how the run ended. Called by `worker.py` (and by `zygote.py` to read roles and playbooks beforehand); nothing of the
asyncio process may import this file, since it imports ansible. ansible-core wants to be on the main thread.

Extra variables are given to ansible-core as ordinary strings: it templates only what it read from files that it trusts, so a
string of an object can hold any Jinja and stays a string. The operator's own variables are trusted by hand.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.executor.playbook_executor import PlaybookExecutor
from ansible.executor.task_queue_manager import TaskQueueManager
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.play import Play
from ansible.plugins.loader import action_loader, become_loader, connection_loader, shell_loader
from ansible.template import trust_as_template
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.display import Display
from ansible.vars.manager import VariableManager

from . import recorder as recorder_file
from .recorder import MessageSink, Recorder

BROKEN = 250  # the code of a run that ansible-core gave up with an exception, as its command line has it


def configure(verbosity: int = 0) -> None:
    """Set what ansible's command line would set; again for a run of another verbosity."""
    context.CLIARGS = ImmutableDict(
        connection=constants.DEFAULT_TRANSPORT,
        forks=1,
        become=None,
        become_method=None,
        become_user=None,
        check=False,
        diff=False,
        verbosity=verbosity,
        syntax=False,
        start_at_task=None,
        extra_vars=(),
        tags=("all",),
        skip_tags=(),
    )
    Display().verbosity = verbosity
    constants.DEFAULT_INTERNAL_POLL_INTERVAL = 0.0002


class PlayRunner:
    """Runs plays one after the other; keeps what ansible-core has read from files between them."""

    def __init__(self) -> None:
        self._loader = DataLoader()
        self._sources = os.environ.get("ANSIBLE_INVENTORY")

    def preload(self, role: str) -> None:
        """Read a role's files and import the action plugins that its tasks name, so that forks have them.

        Raises what ansible-core raises for a role that is not found or cannot be read.
        """
        self._import_actions(self._load(role, self._variables()))

    def preload_playbook(self, path: str) -> None:
        """Read a playbook and the roles of its plays, and import what running any playbook needs.

        Raises what ansible-core raises for a playbook that cannot be read.
        """
        for loader in (connection_loader, shell_loader, become_loader):
            list(loader.all(class_only=True))
        for play in Playbook.load(path, variable_manager=self._variables(), loader=self._loader).get_plays():
            self._import_actions(play)
            for block in play.tasks:
                for task in block.block:
                    action_loader.get(task.action, class_only=True)

    def _import_actions(self, play: Play) -> None:
        for loaded in play.roles:
            for directory in ("tasks", "handlers"):
                for path in sorted(Path(loaded.get_role_path(), directory).glob("**/*.yml")):
                    for name in _actions(self._loader.load_from_file(str(path), trusted_as_template=True)):
                        action_loader.get(name, class_only=True)

    def warm_up(self) -> None:
        """Execute a play that does nothing, so that the first real one finds everything imported."""
        variables = self._variables()
        tasks = [{"name": "Warm up", "ansible.builtin.set_fact": {"playvirt_runner_warm": True}}]
        definition = {"name": "Warm up", "hosts": "localhost", "gather_facts": False, "tasks": tasks}
        play = Play().load(definition, variable_manager=variables, loader=self._loader)
        self._execute(play, variables=variables, recorder=Recorder(lambda message: None))

    def run(self, job: Mapping[str, Any], *, sink: MessageSink) -> dict[str, Any]:
        """Execute the `role` or `playbook` of a job with its `extra_vars` and `variables`; returns what `Recorder.outcome` does, and "duration".

        `code` 0 is success. Whatever the play raises comes out as a failure, except that KeyboardInterrupt and SystemExit of
        a task pass: the process is not to be used again after them.
        """
        started = time.monotonic()
        verbosity = int(job.get("verbosity", 0))
        recorder = Recorder(sink, verbosity=verbosity)
        what = f"playbook {job['playbook']}" if job.get("playbook") else f"role {job['role']}"
        try:
            with self._verbose(verbosity, recorder, sink):
                variables = self._variables()
                variables.extra_vars.clear()
                variables.extra_vars.update({**job["extra_vars"], **trusted(job.get("variables") or {})})
                if job.get("playbook"):
                    code = self._execute_playbook(str(job["playbook"]), variables=variables, recorder=recorder)
                else:
                    facts = bool(job.get("gather_facts"))
                    play = self._load(str(job["role"]), variables, gather_facts=facts)
                    code = self._execute(play, variables=variables, recorder=recorder)
        except Exception as error:
            code = BROKEN
            recorder.fail(recorder.current or what, str(error) if recorder.current else f"{what}: {error}")
        finally:
            self._loader.cleanup_all_tmp_files()
        return {**recorder.outcome(code, what=what), "duration": round(time.monotonic() - started, 6)}

    @contextlib.contextmanager
    def _verbose(self, verbosity: int, recorder: Recorder, sink: MessageSink) -> Iterator[None]:
        """With a verbosity, what ansible-core displays goes out as {"log": LINE}, except while a task hides itself with no_log."""
        if not verbosity:
            yield
            return
        configure(verbosity)
        try:
            with contextlib.redirect_stdout(recorder_file.LineSink(sink, recorder)):
                yield
        finally:
            configure()

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
            recorder.count(manager._stats)
            manager.cleanup()

    def _execute_playbook(self, path: str, *, variables: VariableManager, recorder: Recorder) -> int:
        """All plays of the file in order, as ansible's command line does."""
        recorder._init_callback_methods()
        directory = self._loader.get_basedir()
        executor = PlaybookExecutor([path], variables._inventory, variables, self._loader, {})
        try:
            executor._tqm._callback_plugins = [recorder]
            return int(executor.run())
        finally:
            self._loader.set_basedir(directory)
            AnsibleCollectionConfig.default_collection = None

    def _variables(self) -> VariableManager:
        """The variables of a fresh inventory: the one of $ANSIBLE_INVENTORY, else one host, localhost (parsing that would cost milliseconds)."""
        if self._sources:
            inventory = InventoryManager(loader=self._loader, sources=self._sources.split(","))
        else:
            inventory = InventoryManager(loader=self._loader, parse=False)
            inventory.add_host("localhost", "ungrouped")
            inventory.get_host("localhost").set_variable("ansible_connection", "local")
            inventory.reconcile_inventory()
        return VariableManager(loader=self._loader, inventory=inventory)

    def _load(self, role: str, variables: VariableManager, *, gather_facts: bool = False) -> Play:
        definition = {"name": role, "hosts": "localhost", "gather_facts": gather_facts, "roles": [{"role": role}]}
        return Play().load(definition, variable_manager=variables, loader=self._loader)


def trusted(value: Any) -> Any:
    """Plain data whose texts may be templates, as those of a file are."""
    if isinstance(value, Mapping):
        return {name: trusted(one) for name, one in value.items()}
    if isinstance(value, list):
        return [trusted(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


def _actions(tasks: Any) -> Iterator[str]:
    """The fully qualified names among the keys of tasks, in blocks too."""
    for task in tasks if isinstance(tasks, list) else []:
        for key, value in task.items() if isinstance(task, Mapping) else []:
            if key in ("block", "rescue", "always"):
                yield from _actions(value)
            elif "." in key:
                yield str(key)
