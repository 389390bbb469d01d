"""Image archives as `docker load` and `ctr images import` read them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

from ansible_collections.playvirt.core.plugins.module_utils.cluster import archive

IMAGE = archive.Image(
    name="playvirt.io/cluster/demo:1",
    files=(
        archive.File(path="/usr/bin/demo", content=b"program"),
        archive.File(path="/etc/demo.conf", content=b"text", mode=0o644),
        archive.File(path="/bin/sh", link="../usr/bin/demo"),
    ),
    config={"Entrypoint": ["/usr/bin/demo"]},
)


def read(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


def test_manifest_configuration_and_layer_refer_to_each_other() -> None:
    members = read(archive.build(IMAGE))
    (manifest,) = json.loads(members["manifest.json"])
    assert manifest["RepoTags"] == ["playvirt.io/cluster/demo:1"]
    config = json.loads(members[manifest["Config"]])
    assert manifest["Config"] == hashlib.sha256(members[manifest["Config"]]).hexdigest() + ".json"
    assert config["config"] == {"Entrypoint": ["/usr/bin/demo"]}
    (layer,) = manifest["Layers"]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(members[layer]).hexdigest()]


def test_the_layer_has_files_links_and_the_directories_above_them() -> None:
    members = read(archive.build(IMAGE))
    layer = members[json.loads(members["manifest.json"])[0]["Layers"][0]]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        found = {member.name: member for member in tar}
    assert list(found) == ["bin", "bin/sh", "etc", "etc/demo.conf", "usr", "usr/bin", "usr/bin/demo"]
    assert found["usr/bin/demo"].mode == 0o755
    assert found["etc/demo.conf"].mode == 0o644
    assert found["bin/sh"].linkname == "../usr/bin/demo"
    assert {(member.uid, member.gid, member.mtime) for member in found.values()} == {(0, 0, 0)}


def test_the_same_input_gives_the_same_bytes() -> None:
    assert archive.build(IMAGE) == archive.build(IMAGE)


def test_a_temporary_directory_is_for_everybody() -> None:
    image = archive.Image(name="a:1", files=(archive.File(path="/tmp/x"),), config={})
    members = read(archive.build(image))
    layer = members[json.loads(members["manifest.json"])[0]["Layers"][0]]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert tar.getmember("tmp").mode == 0o1777
