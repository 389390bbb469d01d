"""Run the tasks of a play inside the process of the play: the only file that knows private parts of ansible-core.

ansible-core forks a process for every task. Here its strategy plugins are given another class in the place of that process:
one that executes the task at once, in the same process, and hands the result to the same queue. What comes in: `install()`,
once per worker process. What goes out: whether the installed ansible-core fits. Where it does not fit, nothing is changed and
ansible-core forks as always; the results are the same, each task costs some 30 ms more. Called by `worker.py`.

Tasks that cannot run inside the strategy's own thread (they call back into the strategy and wait for it) keep their process.
"""

from __future__ import annotations

import inspect
import types
from typing import Any

# The keywords that the strategy passes to ansible.executor.process.worker.WorkerProcess (ansible-core 2.21).
EXPECTED_ARGUMENTS = frozenset(
    {
        "final_q",
        "task_vars",
        "host",
        "task",
        "play_context",
        "loader",
        "variable_manager",
        "shared_loader_obj",
        "worker_id",
        "cliargs",
    }
)
# They change the inventory through a call to the strategy, which is busy executing them.
FORKED_ACTIONS = frozenset({"add_host", "group_by"})
_use = {"inline": True}


class InlineTask:
    """What a strategy takes for the process of a task: `start()` returns when the task has been executed."""

    exitcode = 0
    pid: int | None = None

    def __init__(self, **arguments: Any) -> None:
        self._arguments = arguments

    def start(self) -> None:
        """Execute the task and put its result into the play's result queue."""
        from ansible._internal import _task
        from ansible.executor.task_executor import TaskExecutor

        given = self._arguments
        task = given["task"].copy(exclude_parent=True, exclude_tasks=True)
        task._parent = given["task"]._parent
        host, final_q = given["host"], given["final_q"]
        with _task.TaskContext.create(task=task, task_vars=given["task_vars"], host_name=host.name):
            task.squash()
            result = TaskExecutor(
                host,
                given["play_context"],
                given["loader"],
                given["shared_loader_obj"],
                final_q,
                given["variable_manager"],
            ).run()
            result.finalize_registered_values()
            task.ignore_errors = result.ignore_errors
            task.ignore_unreachable = result.ignore_unreachable
            final_q.send_task_result(host, task, result)

    def is_alive(self) -> bool:
        """Never: the task is over when `start()` returns."""
        return False

    def close(self) -> None:
        """Nothing to release."""

    def terminate(self) -> None:
        """Nothing to end."""


def fits() -> bool:
    """Whether the private parts of the installed ansible-core are those that this file was written for."""
    try:
        from ansible._internal import _task
        from ansible.executor.process.worker import WorkerProcess
        from ansible.executor.task_executor import TaskExecutor
        from ansible.executor.task_queue_manager import FinalQueue
        from ansible.plugins import strategy

        process = inspect.signature(WorkerProcess.__init__)
        keywords = {n for n, p in process.parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
        context = set(inspect.signature(_task.TaskContext.create).parameters)
        send = list(inspect.signature(FinalQueue.send_task_result).parameters)
        executor = list(inspect.signature(TaskExecutor.__init__).parameters)
        finalize = _task.UnifiedTaskResult.finalize_registered_values
    except (ImportError, AttributeError, TypeError, ValueError):
        return False
    return (
        keywords == EXPECTED_ARGUMENTS
        and context == {"task", "task_vars", "host_name"}
        and send == ["self", "host", "task", "utr"]
        and executor == ["self", "host", "play_context", "loader", "shared_loader_obj", "final_q", "variable_manager"]
        and callable(finalize)
        and strategy.WorkerProcess is WorkerProcess
    )


def use(inline: bool) -> None:
    """Whether the plays that follow run their tasks inline, where that is installed."""
    _use["inline"] = inline


def _needs_process(task: Any) -> bool:
    action = str(task.resolved_action or task.action).rpartition(".")[2]
    return action in FORKED_ACTIONS or bool(task.async_val)


def install() -> bool:
    """Let the strategies of this process execute tasks inline; False, and nothing changed, where that does not fit."""
    if not fits():
        return False
    from ansible.plugins import strategy

    original = strategy.WorkerProcess

    def process_for(**arguments: Any) -> Any:
        if not _use["inline"] or _needs_process(arguments["task"]):
            return original(**arguments)
        return InlineTask(**arguments)

    _replace(strategy, process_for)
    return True


def _replace(strategy: types.ModuleType, process_for: Any) -> None:
    vars(strategy)["WorkerProcess"] = process_for
