"""The rim of the modules: what Ansible gets back from a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

SPEC = {"name": {"type": "str", "required": True}, "password": {"type": "str", "no_log": True}}


def run(
    capsys: pytest.CaptureFixture[str], does: Callable[..., dict[str, Any]], **params: Any
) -> tuple[object, dict[str, Any]]:
    with patch_module_args(params), pytest.raises(SystemExit) as ended:
        module_main.run_module(does, SPEC, {"required_together": [["name", "password"]]})
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return ended.value.code, result


def test_run_module_gives_result(capsys: pytest.CaptureFixture[str]) -> None:
    def does(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
        return {"changed": True, "name": params["name"], "check_mode": check_mode}

    code, result = run(capsys, does, name="a", password="long secret", _ansible_check_mode=True)
    assert code == 0
    assert (result["changed"], result["name"], result["check_mode"]) == (True, "a", True)


def test_run_module_hides_secrets_in_errors(capsys: pytest.CaptureFixture[str]) -> None:
    def does(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
        raise errors.InvalidObject(f"cannot use {params['password']}", field="password")

    code, result = run(capsys, does, name="a", password="long secret")
    assert code == 1
    assert result["failed"]
    assert "cannot use ****" in result["msg"]
    assert "long secret" not in json.dumps(result)


def test_run_module_honours_constraints(capsys: pytest.CaptureFixture[str]) -> None:
    code, result = run(capsys, lambda params, *, check_mode: {"changed": False}, name="a")
    assert code == 1
    assert "required together" in result["msg"]


@pytest.mark.parametrize(
    ("error", "details"),
    [
        (errors.NotReady("not yet"), {"type": "NotReady", "transient": True}),
        (errors.PermanentError("never"), {"type": "PermanentError", "transient": False}),
        (
            errors.api_error(409, {"reason": "Conflict", "message": "changed"}),
            {"type": "Conflict", "transient": True, "status": 409, "reason": "Conflict"},
        ),
        (errors.DomainNotFound("gone", code=42), {"type": "DomainNotFound", "transient": False, "code": 42}),
    ],
)
def test_failure(error: errors.PlayvirtError, details: dict[str, Any]) -> None:
    assert module_main.failure(error) == {"msg": str(error), "error": details}
