"""Which results of tasks are logged, and how loud."""

from __future__ import annotations

import logging

import pytest
from ansible_collections.playvirt.core.images.runner.turns import task_log

QUIET, LOUD = logging.DEBUG, logging.INFO


@pytest.mark.parametrize(
    ("status", "action", "tasks", "everything"),
    [
        ("ok", "ansible.builtin.set_fact", QUIET, LOUD),
        ("ok", "ansible.builtin.debug", LOUD, LOUD),
        ("ok", "debug", LOUD, LOUD),
        ("skipped", "debug", QUIET, LOUD),
        ("changed", "kubernetes.core.k8s", LOUD, LOUD),
        ("ignored", "command", QUIET, LOUD),
        ("failed", "command", logging.WARNING, logging.WARNING),
        ("unreachable", "command", logging.WARNING, logging.WARNING),
    ],
)
def test_level(status: str, action: str, tasks: int, everything: int) -> None:
    task = {"status": status, "action": action}
    assert task_log.TaskLog("tasks").level(task) == tasks
    assert task_log.TaskLog("everything").level(task) == everything
    assert task_log.TaskLog("nothing").level(task) is None


def test_a_line_names_the_object_and_the_task(caplog: pytest.LogCaptureFixture) -> None:
    task = {"task": "Say", "action": "debug", "status": "ok", "msg": "hello", "duration": 0.1}
    with caplog.at_level(logging.DEBUG, logger="runner.reconciler"):
        task_log.TaskLog("nothing").tell({"object": "ns/a"}, task)
        task_log.TaskLog("tasks").tell({"object": "ns/a"}, task)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert vars(record)["fields"] == {"object": "ns/a", **task}
