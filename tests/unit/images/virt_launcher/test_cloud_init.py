"""Command make_cloud_init: images read back as a guest would."""

from __future__ import annotations

import io
import pathlib
from typing import Any

import pycdlib
import pytest
from ansible_collections.playvirt.core.images.virt_launcher import arguments, cloud_init
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

FILES = {
    "meta-data": "instance-id: one\n",
    "user-data": "#cloud-config\npassword: s3cret\n",
    "network-config": "version: 2\n",
}


def make(root: pathlib.Path, **changes: Any) -> Any:
    given = {"path": f"{root}/default/one/noCloud.iso", "label": "cidata", "files": FILES} | changes
    return cloud_init.make_cloud_init(arguments.Arguments("make_cloud_init", given), directory=str(root))


def read(path: pathlib.Path, name: str) -> tuple[str, str]:
    """A file's content by its Joliet and by its Rock Ridge name."""
    iso = pycdlib.PyCdlib()
    iso.open(str(path))
    joliet, rock_ridge = io.BytesIO(), io.BytesIO()
    iso.get_file_from_iso_fp(joliet, joliet_path=f"/{name}")
    iso.get_file_from_iso_fp(rock_ridge, rr_path=f"/{name}")
    iso.close()
    return joliet.getvalue().decode(), rock_ridge.getvalue().decode()


def test_image_holds_the_files_and_is_for_this_user(tmp_path: pathlib.Path) -> None:
    result = make(tmp_path)
    path = tmp_path / "default/one/noCloud.iso"
    assert result == {"path": str(path), "bytes": cloud_init.ALIGNMENT, "changed": True}
    assert path.stat().st_size == cloud_init.ALIGNMENT
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes()[32768 + 40 : 32768 + 72].strip() == b"cidata"
    for name, content in FILES.items():
        assert read(path, name) == (content, content)


def test_same_contents_change_nothing(tmp_path: pathlib.Path) -> None:
    make(tmp_path)
    path = tmp_path / "default/one/noCloud.iso"
    before = path.stat()
    assert make(tmp_path)["changed"] is False
    assert path.stat().st_ino == before.st_ino


@pytest.mark.parametrize("changes", [{"files": FILES | {"user-data": "other"}}, {"label": "config-2"}])
def test_other_contents_replace_the_image(tmp_path: pathlib.Path, changes: dict[str, Any]) -> None:
    make(tmp_path)
    assert make(tmp_path, **changes)["changed"] is True
    assert make(tmp_path, **changes)["changed"] is False


def test_large_contents_are_padded_to_whole_mebibytes(tmp_path: pathlib.Path) -> None:
    result = make(tmp_path, files={"user-data": "é" * 1_000_000})
    assert result["bytes"] % cloud_init.ALIGNMENT == 0
    assert read(tmp_path / "default/one/noCloud.iso", "user-data")[0] == "é" * 1_000_000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"path": "/etc/noCloud.iso"}, "path"),
        ({"label": "x" * 33}, "label"),
        ({"files": {"../a": "s3cret"}}, "files"),
        ({"files": {"": "s3cret"}}, "files"),
        ({"files": {"a": 5}}, "files"),
    ],
)
def test_make_cloud_init_refuses_and_quotes_no_content(
    tmp_path: pathlib.Path, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        make(tmp_path, **changes)
    assert caught.value.field == f"make_cloud_init.{field}"
    assert "s3cret" not in str(caught.value)


def test_directory_that_cannot_be_made(tmp_path: pathlib.Path) -> None:
    (tmp_path / "default").write_text("a file is in the way")
    with pytest.raises(errors.PlayvirtError, match="cannot be written"):
        make(tmp_path)
