"""Module cgroup_tree: its answers and what it refuses."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils import cgroup as layouts
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import cgroup_tree as tree
from ansible_collections.playvirt.core.plugins.modules import cgroup_tree


@pytest.fixture
def root(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A v1 machine with one hierarchy."""
    layout = layouts.Layout(
        version="v1", driver="cgroupfs", roots=(str(tmp_path),), controllers=("pids",), v2_root=None, cpuset_root=None
    )
    monkeypatch.setattr(tree, "read_layout", lambda: layout)
    return tmp_path


def run(path: str, *, state: str = "present", check_mode: bool = False) -> dict[str, Any]:
    return cgroup_tree.run({"path": path, "state": state}, check_mode=check_mode)


def test_present_then_absent(root: pathlib.Path) -> None:
    directory = str(root / "playvirt" / "a1")
    answer = {"version": "v1", "driver": "cgroupfs", "controllers": ["pids"], "directories": [directory]}
    assert run("/playvirt/a1") == {"changed": True, **answer}
    assert run("/playvirt/a1") == {"changed": False, **answer}
    assert run("/playvirt/a1", state="absent") == {"changed": True, **answer}
    assert run("/playvirt/a1", state="absent") == {"changed": False, **answer}
    assert list(root.iterdir()) == []


def test_check_mode_only_tells(root: pathlib.Path) -> None:
    assert run("/playvirt/a1", check_mode=True)["changed"]
    assert list(root.iterdir()) == []
    run("/playvirt/a1")
    assert run("/playvirt/a1", state="absent", check_mode=True)["changed"]
    assert (root / "playvirt" / "a1").is_dir()


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_the_root_cgroup_is_refused(root: pathlib.Path, path: str) -> None:
    with pytest.raises(errors.InvalidObject, match="is the root cgroup"):
        run(path, state="absent")
