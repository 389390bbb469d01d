"""Run the tasks of a play inside the process of the play: the one hook into how ansible-core executes.

ansible-core forks a process for every task. Here its strategy plugins are given another class in the place of that process:
one that executes the task at once, in the same process, and hands the result to the same queue. What comes in: `install()`,
once per zygote, and `use()` before a run. What goes out: whether the installed ansible-core fits (2.20 and 2.21 do, each in its own way). Where it does
not fit, nothing is changed and ansible-core forks as always; the results are the same, each task costs some 30 ms more. Called by `zygote.py` and `worker.py`.

Tasks that cannot run inside the strategy's own thread (they call back into the strategy and wait for it) keep their process.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

# The keywords that the strategy passes to ansible.executor.process.worker.WorkerProcess.
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
SEND_FAILURE = "Task result omitted due to queue send failure."
Execute = Callable[[Mapping[str, Any], Any], None]
_use = {"inline": True}


def _execute_2_21(given: Mapping[str, Any], task: Any) -> None:
    """As the body of ansible-core 2.21's own process for a task."""
    from ansible._internal import _task
    from ansible.errors import AnsibleError
    from ansible.executor.task_executor import TaskExecutor

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
        try:
            final_q.send_task_result(host, task, result)
        except Exception as error:
            reason = AnsibleError(SEND_FAILURE)
            reason.__cause__ = error
            result = _task.UnifiedTaskResult.create_from_action_exception(reason)
            result.finalize_registered_values()
            final_q.send_task_result(host, task, result)


def _execute_2_20(given: Mapping[str, Any], task: Any) -> None:
    """As the body of ansible-core 2.20's own process for a task."""
    from ansible._internal import _task
    from ansible._internal._errors import _error_utils
    from ansible.errors import AnsibleError
    from ansible.executor.task_executor import TaskExecutor
    from ansible.executor.task_result import _RawTaskResult

    host, final_q = given["host"], given["final_q"]
    with _task.TaskContext(task):
        result = TaskExecutor(
            host,
            task,
            given["task_vars"],
            given["play_context"],
            given["loader"],
            given["shared_loader_obj"],
            final_q,
            given["variable_manager"],
        ).run()
        fields = task.dump_attrs()
        try:
            final_q.send_task_result(_RawTaskResult(host=host, task=task, return_data=result, task_fields=fields))
        except Exception as error:
            reason = AnsibleError(SEND_FAILURE)
            reason.__cause__ = error
            result = _error_utils.result_dict_from_exception(reason)
            final_q.send_task_result(_RawTaskResult(host=host, task=task, return_data=result, task_fields={}))


class InlineTask:
    """What a strategy takes for the process of a task: `start()` returns when the task has been executed."""

    exitcode = 0
    pid: int | None = None

    def __init__(self, execute: Execute, **arguments: Any) -> None:
        self._execute = execute
        self._arguments = arguments

    def start(self) -> None:
        """Execute the task and put its result into the play's result queue."""
        given = self._arguments
        task = given["task"].copy(exclude_parent=True, exclude_tasks=True)
        task._parent = given["task"]._parent
        self._execute(given, task)

    def is_alive(self) -> bool:
        """Never: the task is over when `start()` returns."""
        return False

    def close(self) -> None:
        """Nothing to release."""

    def terminate(self) -> None:
        """Nothing to end."""


def fitting() -> Execute | None:
    """How to execute a task inline with the installed ansible-core; None where its private parts are not those known here."""
    try:
        from ansible._internal import _task
        from ansible.executor.process.worker import WorkerProcess
        from ansible.executor.task_executor import TaskExecutor
        from ansible.executor.task_queue_manager import FinalQueue
        from ansible.plugins import strategy

        process = inspect.signature(WorkerProcess.__init__).parameters
        keywords = {name for name, p in process.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
        if keywords != EXPECTED_ARGUMENTS or strategy.WorkerProcess is not WorkerProcess:
            return None
        send = list(inspect.signature(FinalQueue.send_task_result).parameters)
        executor = list(inspect.signature(TaskExecutor.__init__).parameters)
        common = ["play_context", "loader", "shared_loader_obj", "final_q", "variable_manager"]
        if send == ["self", "host", "task", "utr"] and executor == ["self", "host", *common]:
            context = set(inspect.signature(_task.TaskContext.create).parameters)
            finalize = callable(_task.UnifiedTaskResult.finalize_registered_values)
            return _execute_2_21 if context == {"task", "task_vars", "host_name"} and finalize else None
        if send == ["self", "task_result"] and executor == ["self", "host", "task", "job_vars", *common]:
            from ansible.executor.task_result import _RawTaskResult

            raw = set(inspect.signature(_RawTaskResult.__init__).parameters)
            return _execute_2_20 if raw == {"self", "host", "task", "return_data", "task_fields"} else None
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
    return None


def use(inline: bool) -> None:
    """Whether the plays that follow run their tasks inline, where that is installed."""
    _use["inline"] = inline


def _needs_process(task: Any) -> bool:
    action = str(task.resolved_action or task.action).rpartition(".")[2]
    return action in FORKED_ACTIONS or bool(task.async_val)


def install() -> bool:
    """Let the strategies of this process execute tasks inline; False, and nothing changed, where that does not fit."""
    execute = fitting()
    if execute is None:
        return False
    from ansible.plugins import strategy

    original = strategy.WorkerProcess

    def process_for(**arguments: Any) -> Any:
        if not _use["inline"] or _needs_process(arguments["task"]):
            return original(**arguments)
        return InlineTask(execute, **arguments)

    _replace(strategy, process_for)
    return True


def _replace(strategy: types.ModuleType, process_for: Any) -> None:
    vars(strategy)["WorkerProcess"] = process_for
