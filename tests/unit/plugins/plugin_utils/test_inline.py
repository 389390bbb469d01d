"""The action twin, with a task and a connection that have just what it looks at. Whole plays are in tests/integration."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import pytest
from ansible import errors as ansible_errors
from ansible.template import trust_as_template
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.plugin_utils import inline


class Module:
    """A module that keeps what it was called with."""

    ARGUMENT_SPEC: Mapping[str, Any] = {
        "name": {"type": "str", "required": True},
        "spec": {"type": "dict"},
        "password": {"type": "str", "no_log": True},
    }
    CONSTRAINTS: Mapping[str, Any] = {"required_by": {"spec": ["name"]}}

    def __init__(self) -> None:
        self.calls: list[tuple[Mapping[str, Any], bool]] = []
        self.result: dict[str, Any] = {"changed": True, "diff": {"before": "", "after": "x"}}
        self.error: errors.PlayvirtError | None = None

    def run(self, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
        self.calls.append((params, check_mode))
        if self.error:
            raise self.error
        return dict(self.result)


class Action(inline.InlineAction):
    """Takes the remote way into a list instead of a shell."""

    def __init__(self, module: Module, args: dict[str, Any], *, transport: str = "local", **task: Any) -> None:
        shell = types.SimpleNamespace(tmpdir="/tmp")
        connection = types.SimpleNamespace(transport=transport, become=task.pop("become", None), _shell=shell)
        facts: dict[str, Any] = {"async_val": 0, "check_mode": False, "diff": True, "environment": [], "action": "m"}
        super().__init__(types.SimpleNamespace(**{**facts, **task}, args=args), connection, None, None, None)
        self.module = module
        self.remote = 0

    def _execute_module(self, **_: Any) -> dict[str, Any]:
        self.remote += 1
        return {"changed": False, "remote": True}


def test_run_calls_module_in_process() -> None:
    module = Module()
    result = Action(module, {"name": "a", "spec": {"n": 1}}, check_mode=True).run()
    assert module.calls == [({"name": "a", "spec": {"n": 1}, "password": None}, True)]
    assert result == module.result


@pytest.mark.parametrize(
    "how", [{"transport": "ssh"}, {"become": object()}, {"environment": [{"K8S_AUTH_KUBECONFIG": "/x"}]}]
)
def test_run_goes_to_the_host_when_something_asks_for_it(how: dict[str, Any]) -> None:
    module = Module()
    action = Action(module, {"name": "a"}, **how)
    assert action.run()["remote"]
    assert (action.remote, module.calls) == (1, [])


def test_run_without_diff_drops_it() -> None:
    assert "diff" not in Action(Module(), {"name": "a"}, diff=False).run()


def test_run_reports_errors_as_a_failed_task() -> None:
    module = Module()
    module.error = errors.NotReady("pod default/a is not scheduled yet")
    result = Action(module, {"name": "a"}).run()
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"] == "pod default/a is not scheduled yet"
    assert result["error"] == {"type": "NotReady", "transient": True}


def test_run_hides_secrets_in_result_and_message() -> None:
    module = Module()
    module.result = {"changed": False, "text": "it is long secret"}
    assert "long secret" not in str(Action(module, {"name": "a", "password": "long secret"}).run())
    module.error = errors.PermanentError("refused: long secret")
    assert "long secret" not in str(Action(module, {"name": "a", "password": "long secret"}).run())


def test_run_refuses_unknown_arguments() -> None:
    module = Module()
    with pytest.raises(ansible_errors.AnsibleActionFail, match="colour"):
        Action(module, {"name": "a", "colour": "blue"}).run()
    assert module.calls == []


def test_run_templates_nothing_and_hands_over_plain_text() -> None:
    module = Module()
    text = trust_as_template("{{ 1 + 1 }}")
    Action(module, {"name": text, "spec": {"list": [text, 1, True, None, 1.5]}}).run()
    ((params, _),) = module.calls
    assert params["name"] == "{{ 1 + 1 }}"
    assert type(params["name"]) is str
    assert params["spec"] == {"list": ["{{ 1 + 1 }}", 1, True, None, 1.5]}
    assert type(params["spec"]["list"][0]) is str
    assert params["spec"]["list"][2] is True
