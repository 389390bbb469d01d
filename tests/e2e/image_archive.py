"""A container image with the files that a story wants, as an archive that containerd imports; made without any tool of containers.

In: a name and files. Out: a tar in docker's format. Called by test_failures and test_recoveries.
"""

from __future__ import annotations

import hashlib
import io
import json
import pathlib
import tarfile
from collections.abc import Mapping


def _tar(files: Mapping[str, bytes]) -> bytes:
    """A tar with these files; names without a leading slash."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def write_image(path: pathlib.Path, name: str, files: Mapping[str, bytes]) -> None:
    """Write the archive of an image of one layer."""
    layer = _tar(files)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    parts = {
        "manifest.json": json.dumps(manifest).encode(),
        "config.json": json.dumps(config).encode(),
        "layer.tar": layer,
    }
    path.write_bytes(_tar(parts))
