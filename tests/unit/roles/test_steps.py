"""Decisions and roles hold together: a role has a task file for each step of its planner, in the planner's order, with its hook points."""

from __future__ import annotations

import pathlib

import pytest
import yaml
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import planners

ROLES = pathlib.Path(__file__).parents[3] / "roles"
CASES = sorted(planners.PLANNERS)


def _main(role: str) -> dict:
    (block,) = yaml.safe_load((ROLES / role / "tasks" / "main.yml").read_text())
    return block


@pytest.mark.parametrize("role", CASES)
def test_main_takes_the_planners_steps_in_order(role: str) -> None:
    included = [task for task in _main(role)["block"] if "ansible.builtin.include_tasks" in task]
    steps = [task["ansible.builtin.include_tasks"].removesuffix(".yml") for task in included]
    assert tuple(steps) == planners.PLANNERS[role].STEPS
    for step, task in zip(steps, included, strict=True):
        assert task["when"] == f"'{step}' in {role}_decision.plan.steps"


@pytest.mark.parametrize("role", CASES)
def test_every_step_has_a_file_with_both_hook_points(role: str) -> None:
    for step in planners.PLANNERS[role].STEPS:
        tasks = yaml.safe_load((ROLES / role / "tasks" / f"{step}.yml").read_text())
        for task, when in ((tasks[0], "before"), (tasks[-1], "after")):
            assert task["ansible.builtin.include_tasks"] == f"{{{{ {role}_decision.hooks.{when}_{step} }}}}"
            assert task["when"] == f"{role}_decision.hooks.{when}_{step} is defined"


@pytest.mark.parametrize("role", CASES)
def test_no_other_task_files(role: str) -> None:
    files = {path.stem for path in (ROLES / role / "tasks").glob("*.yml")}
    assert files == {"main", "report_failure", *planners.PLANNERS[role].STEPS}


@pytest.mark.parametrize("role", CASES)
def test_main_reports_failures(role: str) -> None:
    (rescue,) = _main(role)["rescue"]
    assert rescue["ansible.builtin.include_tasks"] == "report_failure.yml"
    report = yaml.safe_load((ROLES / role / "tasks" / "report_failure.yml").read_text())
    (condition,) = report[0]["playvirt.core.object_status"]["conditions"]
    assert "ansible_failed_task.name" in condition["message"]
    # The runner says the same where the role cannot.
    failed = planners.PLANNERS[role].FAILED
    assert (condition["type"], condition["status"]) == (failed["type"], failed["status"])
    assert failed["reason"] in condition["reason"]
    assert "ansible.builtin.fail" in report[-1]


@pytest.mark.parametrize("path", sorted(ROLES.glob("*/tasks/*.yml")), ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_task_files_are_short(path: pathlib.Path) -> None:
    assert path.read_text().count("\n") <= 80
