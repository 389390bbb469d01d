"""The module against a gateway that answers as virt-handler does."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.k8s import gateway
from ansible_collections.playvirt.core.plugins.modules import launcher_command

UID = "5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f"


class Gateway:
    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        self.answer = (status, answer)
        self.requests: list[tuple[str, str, Any]] = []

    def request(self, method: str, path: str, body: Any = None, headers: Any = None) -> tuple[int, dict[str, Any]]:
        self.requests.append((method, path, body))
        return self.answer


def run(
    monkeypatch: pytest.MonkeyPatch, status: int, answer: dict[str, Any], *, check_mode: bool = False, **params: Any
) -> tuple[dict[str, Any], Gateway]:
    fake = Gateway(status, answer)
    monkeypatch.setattr(gateway, "request", fake.request)
    given = {"pod_uid": UID, "command": "make_disks", "arguments": {}, "secret_arguments": {}, **params}
    return launcher_command.run(given, check_mode=check_mode), fake


def test_run_posts_both_kinds_of_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    result, fake = run(
        monkeypatch,
        200,
        {"changed": True},
        command="make_cloud_init",
        arguments={"label": "cidata", "files": {}},
        secret_arguments={"files": {"user-data": "secret"}},
    )
    sent = {"label": "cidata", "files": {"user-data": "secret"}}
    assert fake.requests == [("POST", f"/launchers/{UID}/make_cloud_init", sent)]
    assert result == {"changed": True, "result": {"changed": True}}


def test_run_in_check_mode_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    result, fake = run(monkeypatch, 200, {}, check_mode=True)
    assert result == {"changed": True}
    assert fake.requests == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, errors.NotReady), (503, errors.TransientError), (500, errors.TransientError), (422, errors.PermanentError)],
)
def test_run_raises_with_the_words_of_the_other_side(
    monkeypatch: pytest.MonkeyPatch, status: int, error: type[errors.PlayvirtError]
) -> None:
    with pytest.raises(error, match="volume x: no disk file"):
        run(monkeypatch, status, {"message": "volume x: no disk file"})


def test_run_without_words_names_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.PermanentError, match="status 418"):
        run(monkeypatch, 418, {})


def test_run_refuses_what_is_no_uid(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.InvalidObject, match="is not the uid of a pod"):
        run(monkeypatch, 200, {}, pod_uid="../api/v1/nodes")
