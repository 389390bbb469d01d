"""Command make_cloud_init: images read back as a guest would."""

from __future__ import annotations

import base64
import io
import pathlib
from typing import Any

import pycdlib
import pytest
from ansible_collections.playvirt.core.images.virt_launcher import arguments, cloud_init, iso_image
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

FILES = {
    "meta-data": "instance-id: one\n",
    "user-data": "#cloud-config\npassword: s3cret\n",
    "network-config": "version: 2\n",
}


def make(root: pathlib.Path, **changes: Any) -> Any:
    given = {"path": f"{root}/default/one/noCloud.iso", "label": "cidata", "volume": "config", "files": FILES}
    given |= {"files_base64": {}, "secrets": []} | changes
    return cloud_init.make_cloud_init(
        arguments.Arguments("make_cloud_init", given), secrets=f"{root}/secrets", directory=str(root)
    )


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
    assert result == {"path": str(path), "bytes": iso_image.ALIGNMENT, "changed": True}
    assert path.stat().st_size == iso_image.ALIGNMENT
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
    assert result["bytes"] % iso_image.ALIGNMENT == 0
    assert read(tmp_path / "default/one/noCloud.iso", "user-data")[0] == "é" * 1_000_000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"path": "/etc/noCloud.iso"}, "path"),
        ({"label": "x" * 33}, "label"),
        ({"files": {"../a": "s3cret"}}, "files"),
        ({"files": {"": "s3cret"}}, "files"),
        ({"files": {"a": 5}}, "files"),
        ({"files": {"a" * 65: "s3cret"}}, "files"),
        ({"files": {"1/2/3/4/5/6/7/8/a": "s3cret"}}, "files"),
        ({"files_base64": {"a": "s3cret!"}}, "files_base64"),
        ({"secrets": [{"file": "a", "secret": "s", "directory": "/etc", "keys": ["k"]}]}, "secrets[0].directory"),
    ],
)
def test_make_cloud_init_refuses_and_quotes_no_content(
    tmp_path: pathlib.Path, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.InvalidObject) as caught:
        make(tmp_path, **changes)
    assert caught.value.field == f"make_cloud_init.{field}"
    assert "s3cret" not in str(caught.value)


def test_config_drive_has_directories(tmp_path: pathlib.Path) -> None:
    files = {"openstack/latest/meta_data.json": "{}", "openstack/latest/user_data": "x", "openstack/other": "y"}
    make(tmp_path, label="config-2", files=files)
    for name, content in files.items():
        assert read(tmp_path / "default/one/noCloud.iso", name) == (content, content)


def test_base64_may_hold_what_is_no_text(tmp_path: pathlib.Path) -> None:
    """Compressed user data, say."""
    make(tmp_path, files_base64={"user-data": base64.b64encode(b"\x1f\x8b\xff\0").decode()})
    iso = pycdlib.PyCdlib()
    iso.open(f"{tmp_path}/default/one/noCloud.iso")
    found = io.BytesIO()
    iso.get_file_from_iso_fp(found, joliet_path="/user-data")
    iso.close()
    assert found.getvalue() == b"\x1f\x8b\xff\0"


def secret(root: pathlib.Path, **files: str) -> dict[str, Any]:
    """A Secret as the kubelet mounts it, and how the command is told of it."""
    directory = root / "secrets/config/userdata"
    version = directory / "..2030_01_01"
    version.mkdir(parents=True)
    (directory / "..data").symlink_to(version.name)
    for name, content in files.items():
        (version / name).write_text(content)
        (directory / name).symlink_to(f"..data/{name}")
    return {"file": "user-data", "secret": "login", "directory": str(directory), "keys": ["userdata", "userData"]}


@pytest.mark.parametrize("key", ["userdata", "userData"])
def test_user_data_of_a_secret(tmp_path: pathlib.Path, key: str) -> None:
    make(tmp_path, files={"meta-data": "m"}, secrets=[secret(tmp_path, **{key: "#cloud-config s3cret", "more": "x"})])
    image = tmp_path / "default/one/noCloud.iso"
    assert read(image, "user-data") == ("#cloud-config s3cret", "#cloud-config s3cret")
    assert b"more" not in image.read_bytes()


def test_secret_that_is_missing_and_then_there(tmp_path: pathlib.Path) -> None:
    """The kubelet mounts nothing for a Secret that is not there, and brings it when it is."""
    told = secret(tmp_path)
    with pytest.raises(
        errors.PlayvirtError, match=r"^volume config: Secret login is not there, or has nothing in it; "
    ):
        make(tmp_path, secrets=[told])
    directory = pathlib.Path(told["directory"])
    (directory / "..data/userdata").write_text("now")
    assert make(tmp_path, secrets=[told])["changed"] is True


def test_secret_without_the_key(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.PlayvirtError) as caught:
        make(tmp_path, secrets=[secret(tmp_path, password="s3cret")])
    assert str(caught.value) == "volume config: Secret login has none of the keys userdata, userData"


def test_directory_that_cannot_be_made(tmp_path: pathlib.Path) -> None:
    (tmp_path / "default").write_text("a file is in the way")
    with pytest.raises(errors.PlayvirtError, match="cannot be written"):
        make(tmp_path)
