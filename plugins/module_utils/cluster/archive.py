# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""A container image of one layer, as the archive that `docker save` makes, without any engine.

In: files of this machine and the image's configuration. Out: bytes of a tar file, the same for the same input: no time and no user
of the build is in it. Called by: module image_archive.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A file of the image: its absolute path there, what it contains and its mode; with `link` it is a symbolic link instead."""

    path: str
    content: bytes = b""
    mode: int = 0o755
    link: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """What is built: the name with tag, the files, and the OCI configuration's `config` part (Entrypoint, Cmd, Env, User)."""

    name: str
    files: Sequence[File]
    config: Mapping[str, object]


def build(image: Image) -> bytes:
    """Return the docker archive of `image`."""
    layer = _layer(image.files)
    layer_digest = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "os": "linux",
        "config": image.config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "playvirt"}],
        "created": "1970-01-01T00:00:00Z",
    }
    config_bytes = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config_bytes).hexdigest()}.json"
    layer_name = f"{layer_digest}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": [image.name], "Layers": [layer_name]}]
    return _tar({layer_name: layer, config_name: config_bytes, "manifest.json": json.dumps(manifest).encode()})


def _layer(files: Sequence[File]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        made: set[str] = set()
        for file in sorted(files, key=lambda item: item.path):
            parts = file.path.strip("/").split("/")
            for depth in range(1, len(parts)):
                directory = "/".join(parts[:depth])
                if directory not in made:
                    made.add(directory)
                    tar.addfile(_member(directory, kind=tarfile.DIRTYPE, mode=0o1777 if directory == "tmp" else 0o755))
            if file.link is not None:
                member = _member("/".join(parts), kind=tarfile.SYMTYPE, mode=0o777)
                member.linkname = file.link
                tar.addfile(member)
            else:
                member = _member("/".join(parts), kind=tarfile.REGTYPE, mode=file.mode)
                member.size = len(file.content)
                tar.addfile(member, io.BytesIO(file.content))
    return buffer.getvalue()


def _member(name: str, *, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mode = mode
    return member


def _tar(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members.items():
            member = _member(name, kind=tarfile.REGTYPE, mode=0o644)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
