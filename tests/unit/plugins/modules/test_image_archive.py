"""Module image_archive: the file it writes and when."""

from __future__ import annotations

import pathlib
import tarfile
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.modules import image_archive


def build(tmp_path: pathlib.Path, *, check_mode: bool = False) -> dict[str, Any]:
    params = {
        "path": str(tmp_path / "images" / "pause.tar"),
        "name": "playvirt.io/cluster/pause:1",
        "files": {"/pause": str(tmp_path / "pause")},
        "links": {"/bin/pause": "../pause"},
        "config": {"Entrypoint": ["/pause"]},
    }
    return image_archive.run(params, check_mode=check_mode)


def test_builds_when_the_files_changed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "pause").write_bytes(b"one")
    first = build(tmp_path)
    assert first["changed"]
    with tarfile.open(tmp_path / "images" / "pause.tar") as tar:
        assert "manifest.json" in tar.getnames()
    assert build(tmp_path) == {"changed": False, "digest": first["digest"]}
    (tmp_path / "pause").write_bytes(b"two")
    assert build(tmp_path)["digest"] != first["digest"]
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["pause.tar"]


def test_check_mode_writes_nothing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "pause").write_bytes(b"one")
    assert build(tmp_path, check_mode=True)["changed"]
    assert not (tmp_path / "images").exists()


def test_a_missing_file_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        errors.InvalidObject, match=r"/pause of image playvirt.io/cluster/pause:1 comes from .*: No such"
    ):
        build(tmp_path)
