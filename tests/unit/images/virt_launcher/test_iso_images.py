"""Command make_iso_images: directories as the kubelet mounts them, images read back as a guest would."""

from __future__ import annotations

import io
import os
import pathlib
from typing import Any

import pycdlib
import pytest
from ansible_collections.playvirt.core.images.virt_launcher import arguments, iso_images, mounted_files
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


def mount(directory: pathlib.Path, version: str, **files: bytes) -> None:
    """Put files there as the kubelet does: into a directory of their own, to which `..data` is swapped."""
    own = directory / f"..{version}"
    own.mkdir(parents=True)
    for name, content in files.items():
        path = own / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        first = name.split("__")[0]
        if not os.path.lexists(directory / first):
            (directory / first).symlink_to(f"..data/{first}")
    (directory / "..new").symlink_to(own.name)
    (directory / "..new").rename(directory / "..data")


class Pod:
    """One volume of a pod, mounted, and the command for it."""

    def __init__(self, root: pathlib.Path) -> None:
        self.contents, self.disks = root / "contents", root / "disks"
        self.directory, self.image = self.contents / "settings", self.disks / "iso-images/settings.iso"

    def make(self, **changes: Any) -> Any:
        given = {"volume": "settings", "path": str(self.image), "label": "cfgdata", "directory": str(self.directory)}
        given |= {"content": "ConfigMap app", "optional": False} | changes
        return iso_images.make_iso_images(
            arguments.Arguments("make_iso_images", {"images": [given]}),
            contents=str(self.contents),
            directory=str(self.disks),
        )

    def read(self, name: str) -> bytes:
        iso, found = pycdlib.PyCdlib(), io.BytesIO()
        iso.open(str(self.image))
        iso.get_file_from_iso_fp(found, rr_path=f"/{name}")
        iso.close()
        return found.getvalue()


@pytest.fixture
def pod(tmp_path: pathlib.Path) -> Pod:
    return Pod(tmp_path)


def test_every_key_is_a_file(pod: Pod) -> None:
    mount(pod.directory, "1", **{"app.ini": b"[a]\n", "binary": b"\0\xff", "sub__name": b"deep"})
    assert pod.make() == {
        "images": [{"volume": "settings", "path": str(pod.image), "bytes": 1 << 20}],
        "changed": True,
    }
    assert [pod.read(name) for name in ("app.ini", "binary", "sub/name")] == [b"[a]\n", b"\0\xff", b"deep"]
    assert pod.image.read_bytes()[32768 + 40 : 32768 + 72].strip() == b"cfgdata"
    assert pod.image.stat().st_mode & 0o777 == 0o600


def test_again_changes_nothing_until_the_volume_changes(pod: Pod) -> None:
    mount(pod.directory, "1", key=b"one")
    pod.make()
    assert pod.make()["changed"] is False
    mount(pod.directory, "2", key=b"two")
    assert pod.make()["changed"] is True
    assert pod.read("key") == b"two"


def test_missing_object_is_named_and_found_when_it_comes(pod: Pod) -> None:
    mount(pod.directory, "1")
    with pytest.raises(errors.PlayvirtError) as caught:
        pod.make()
    assert str(caught.value) == (
        "volume settings: ConfigMap app is not there, or has nothing in it; create it, and the kubelet brings it into the pod"
    )
    assert not pod.image.exists()
    mount(pod.directory, "2", key=b"one")
    assert pod.make()["changed"] is True


def test_missing_object_may_be_optional(pod: Pod) -> None:
    mount(pod.directory, "1")
    assert pod.make(optional=True)["changed"] is True
    assert pod.image.stat().st_size == 1 << 20


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"path": "/etc/x.iso"}, "path"),
        ({"directory": "/etc"}, "directory"),
        ({"label": "ä"}, "label"),
        ({"optional": "yes"}, "optional"),
        ({"volume": None}, "volume"),
    ],
)
def test_wrong_arguments(pod: Pod, changes: dict[str, Any], field: str) -> None:
    mount(pod.directory, "1")
    with pytest.raises(errors.InvalidObject) as caught:
        pod.make(**changes)
    assert caught.value.field == f"make_iso_images.images[0].{field}"


def test_name_that_no_image_can_have(pod: Pod) -> None:
    mount(pod.directory, "1", **{"k" * 65: b"x"})
    with pytest.raises(
        errors.InvalidObject, match=r"^volume settings: ConfigMap app: file 'k+' has more than 64 characters$"
    ):
        pod.make()


def test_links_of_a_volume_are_not_followed(pod: Pod, tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    mount(pod.directory, "1", key=b"one")
    (pod.directory / "..data/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(errors.PlayvirtError, match=r"^link in .* cannot be read: "):
        pod.make()


def test_too_large_a_file(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounted_files, "_LARGEST", 2)
    mount(pod.directory, "1", key=b"one")
    with pytest.raises(errors.InvalidObject, match=r"^key in .* has more than 2 bytes$"):
        pod.make()


def test_directory_that_is_not_there_has_no_files(tmp_path: pathlib.Path) -> None:
    assert mounted_files.read_files(str(tmp_path / "nothing")) == {}
