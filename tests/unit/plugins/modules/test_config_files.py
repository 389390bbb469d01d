"""Module config_files: what is written, what is left alone."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.modules import config_files


def write(files: dict[str, str], *, mode: str = "0644", check_mode: bool = False) -> dict[str, Any]:
    return config_files.run({"files": files, "mode": mode}, check_mode=check_mode)


def test_writes_what_differs_and_nothing_else(tmp_path: pathlib.Path) -> None:
    one, two = str(tmp_path / "a" / "one"), str(tmp_path / "a" / "two")
    assert write({one: "1\n", two: "2\n"})["changed_files"] == [one, two]
    assert pathlib.Path(one).read_text() == "1\n"
    assert not write({one: "1\n", two: "2\n"})["changed"]
    result = write({one: "1\n", two: "3\n"})
    assert result["changed_files"] == [two]
    assert result["diff"] == [{"before": "2\n", "after": "3\n", "before_header": two, "after_header": two}]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["one", "two"]


def test_a_secret_is_never_readable_by_others(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "key"
    write({str(path): "secret"}, mode="0600")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_wrong_mode_is_put_right(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "key"
    write({str(path): "secret"})
    assert write({str(path): "secret"}, mode="0600")["changed"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_check_mode_writes_nothing(tmp_path: pathlib.Path) -> None:
    assert write({str(tmp_path / "a" / "one"): "1"}, check_mode=True)["changed"]
    assert list(tmp_path.iterdir()) == []


def test_refuses_relative_paths_and_odd_modes() -> None:
    with pytest.raises(errors.InvalidObject, match="'etc/one' is not an absolute path"):
        write({"etc/one": "1"})
    with pytest.raises(errors.InvalidObject, match="'rw' is not octal"):
        write({}, mode="rw")
