"""Module go_build: when it builds."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.cluster import golang
from ansible_collections.playvirt.core.plugins.modules import go_build


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[golang.Build]:
    """What was built, by a compiler that makes an empty directory."""
    builds: list[golang.Build] = []

    def compile_into(build: golang.Build, target: pathlib.Path, progress: object) -> None:
        builds.append(build)
        target.mkdir(parents=True)

    monkeypatch.setattr(golang, "compile_into", compile_into)
    monkeypatch.setattr(golang, "go_version", lambda go: "go1.26.8")
    return builds


def run(tmp_path: pathlib.Path, *, check_mode: bool = False, flags: tuple[str, ...] = ()) -> dict[str, Any]:
    params = {
        "name": "demo",
        "source": str(tmp_path),
        "packages": ["tool"],
        "flags": list(flags),
        "cache": str(tmp_path / "cache"),
        "go": "go",
        "niceness": 10,
    }
    return go_build.run(params, check_mode=check_mode)


def test_builds_once_for_the_same_input(built: list[golang.Build], tmp_path: pathlib.Path) -> None:
    first = run(tmp_path)
    assert first["changed"]
    assert run(tmp_path) == {"changed": False, "directory": first["directory"]}
    assert run(tmp_path, flags=("-trimpath",))["changed"]
    assert [build.flags for build in built] == [(), ("-trimpath",)]


def test_check_mode_builds_nothing(built: list[golang.Build], tmp_path: pathlib.Path) -> None:
    assert run(tmp_path, check_mode=True)["changed"]
    assert built == []
