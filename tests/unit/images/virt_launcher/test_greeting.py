"""The first words to virt-handler: said at once, or not at all."""

from __future__ import annotations

import json
import pathlib
import socket

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import greeting

IDENTITY = {"namespace": "default", "name": "one", "uid": "1111"}


def test_hello_and_the_first_state_are_said(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "handler.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()
        greeted = greeting.greet(path, IDENTITY)
        assert greeted is not None
        with greeted, listening.accept()[0] as accepted, accepted.makefile("rb") as lines:
            assert json.loads(lines.readline()) == {"hello": {"version": 1, **IDENTITY}}
            assert json.loads(lines.readline()) == {"domain": {"state": "absent", "reason": ""}}


def test_without_a_handler_nobody_is_greeted(tmp_path: pathlib.Path) -> None:
    assert greeting.greet(str(tmp_path / "none.sock"), IDENTITY) is None


def test_a_handler_that_does_not_accept_holds_nobody_up(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greeting, "_PATIENCE_SECONDS", 0.01)
    path = str(tmp_path / "busy.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen(0)
        waiting = []
        while (greeted := greeting.greet(path, IDENTITY)) is not None:
            waiting.append(greeted)
        assert len(waiting) < 10
        for one in waiting:
            one.close()
