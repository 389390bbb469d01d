"""Module content_hash: what changes a hash, what does not, and what an ignore file leaves out."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.modules import content_hash

REPOSITORY = pathlib.Path(__file__).resolve().parents[4]


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "part" / "deep").mkdir(parents=True)
    (tmp_path / "part" / "code.py").write_text("print()\n")
    (tmp_path / "part" / "deep" / "data").write_bytes(b"\x00\xff")
    (tmp_path / "part" / "link").symlink_to("code.py")
    (tmp_path / "other").write_text("other\n")
    return tmp_path


def hash_of(root: pathlib.Path, **arguments: Any) -> str:
    content = {
        "paths": ["part"],
        **{key: arguments.pop(key) for key in ("paths", "exclude", "values") if key in arguments},
    }
    result = content_hash.run({"root": str(root), "sets": {"it": content}, **arguments}, check_mode=False)
    assert result["changed"] is False
    return str(result["hashes"]["it"])


def make_executable(tree: pathlib.Path) -> None:
    (tree / "part" / "code.py").chmod(0o755)


def edit(tree: pathlib.Path) -> None:
    (tree / "part" / "deep" / "data").write_bytes(b"\x00\xfe")


def rename(tree: pathlib.Path) -> None:
    (tree / "part" / "deep" / "data").rename(tree / "part" / "data")


def point_elsewhere(tree: pathlib.Path) -> None:
    (tree / "part" / "link").unlink()
    (tree / "part" / "link").symlink_to("deep")


@pytest.mark.parametrize("change", [make_executable, edit, rename, point_elsewhere])
def test_a_change_of_a_file_changes_the_hash(tree: pathlib.Path, change: Callable[[pathlib.Path], None]) -> None:
    before = hash_of(tree)
    change(tree)
    assert hash_of(tree) != before


def test_times_and_other_files_do_not_count(tree: pathlib.Path) -> None:
    before = hash_of(tree)
    os.utime(tree / "part" / "code.py", (1, 1))
    (tree / "other").write_text("changed\n")
    assert hash_of(tree) == before


def test_values_count_and_the_order_of_paths_does_not(tree: pathlib.Path) -> None:
    assert hash_of(tree, values=["trixie"]) != hash_of(tree, values=["bookworm"])
    assert hash_of(tree, paths=["part", "other"]) == hash_of(tree, paths=["other", "part", "part/deep"])


def test_the_same_tree_elsewhere_has_the_same_hash(
    tree: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("copy")
    (tree / "part").rename(copy / "part")
    moved = hash_of(copy)
    (copy / "part").rename(tree / "part")
    assert hash_of(tree) == moved


@pytest.mark.parametrize(
    ("path", "excluded"),
    [
        ("plugins/a.py", False),
        ("plugins/__pycache__/a.cpython-313.pyc", True),
        ("tests/a.py", True),
        ("playbooks/cluster_down.yml", True),
        ("playbooks/sub/cluster.yml", False),
        ("roles/images/tasks/main.yml", True),
        ("roles/domain/README.md", True),
        ("roles/domain/tasks/main.yml", False),
    ],
)
def test_the_last_rule_that_matches_decides(path: str, excluded: bool) -> None:
    text = "# what a build sees\n*\n!plugins\n!playbooks\n!roles\n\nplaybooks/cluster*.yml\nroles/images\n**/__pycache__\n**/README.md\n"
    assert content_hash.Ignore(text.splitlines()).excludes(path) is excluded


def test_ignored_files_do_not_count(tree: pathlib.Path) -> None:
    (tree / ".dockerignore").write_text("**/deep\n")
    before = hash_of(tree, ignore_file=".dockerignore")
    edit(tree)
    assert hash_of(tree, ignore_file=".dockerignore") == before


def test_files_that_a_set_excludes_do_not_count(tree: pathlib.Path) -> None:
    before = hash_of(tree, exclude=["part/deep"])
    edit(tree)
    assert hash_of(tree, exclude=["part/deep"]) == before


def test_the_collections_own_ignore_file_keeps_what_runs_in_a_cluster() -> None:
    ignore = content_hash.Ignore((REPOSITORY / ".dockerignore").read_text().splitlines())
    kept = [
        "galaxy.yml",
        "plugins/modules/content_hash.py",
        "images/playvirt/requirements.txt",
        "images/guests/tiny/build.sh",
    ]
    left_out = [
        "tests/unit/test_layering.py",
        ".venv/bin/python",
        "roles/images/vars/main.yml",
        "Makefile",
        ".git/HEAD",
    ]
    assert [path for path in kept if ignore.excludes(path)] == []
    assert [path for path in left_out if not ignore.excludes(path)] == []


def test_a_missing_path_is_named(tree: pathlib.Path) -> None:
    with pytest.raises(errors.PermanentError, match="part/nothing does not exist"):
        hash_of(tree, paths=["part/nothing"])


def test_an_unknown_key_of_a_set_is_refused(tree: pathlib.Path) -> None:
    with pytest.raises(errors.PermanentError, match=r"sets\.it takes `paths`, `exclude` and `values`"):
        content_hash.run({"root": str(tree), "sets": {"it": {"path": "part"}}}, check_mode=False)
