"""The launcher image's root file system, and programs in it as the launcher runs: user 107, no capabilities, namespaces of its own.

In: the tar that role images has left in its cache. Out: a directory, and what a program in it printed. Needs root. Called by test_golden_domains.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import tarfile
from typing import IO, Any

CACHE = pathlib.Path.home() / ".cache/playvirt/images"
#: $1 the root, $2 a directory to show as /tests, $3... the command
_ENTER = r"""
set -eu
root=$1 tests=$2; shift 2
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom tty; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
mkdir -m 1777 "$root/dev/shm"
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/run/libvirt" "$root/tests"
chown -R 107:107 "$root/run"
mount --bind "$tests" "$root/tests"
hostname launcher
echo "127.0.0.1 localhost launcher" > "$root/etc/hosts"
# PID 1 stays this shell, which reaps what libvirtd leaves: without the last word it would become the command.
chroot "$root" setpriv --reuid=107 --regid=107 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all env -i \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 PYTHONPATH=/usr/share/ansible/collections PYTHONDONTWRITEBYTECODE=1 \
    LIBVIRT_DRIVER_DIR=/usr/lib/playvirt/libvirt-drivers "$@" || exit $?
"""


def find_archive() -> pathlib.Path | None:
    """The tar of the launcher image that was built last; None where there is none."""
    found = sorted(CACHE.glob("virt-launcher-*.tar"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def _read(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    assert found is not None, f"{name} is no file"
    return found


def _unpack_layer(layer: IO[bytes], root: pathlib.Path) -> None:
    """A layer over what is there; `.wh.NAME` says that NAME is gone."""
    with tarfile.open(fileobj=layer) as files:
        for member in files:
            path = pathlib.PurePosixPath(member.name)
            if path.name.startswith(".wh."):
                gone = root / path.with_name(path.name.removeprefix(".wh."))
                shutil.rmtree(gone) if gone.is_dir() and not gone.is_symlink() else gone.unlink(missing_ok=True)
            else:
                files.extract(member, root, filter="fully_trusted")


def unpack(archive: pathlib.Path, root: pathlib.Path) -> None:
    """Make the image's root file system of its tar, which is our own build."""
    with tarfile.open(archive) as image:
        (manifest,) = json.load(_read(image, "manifest.json"))
        for layer in manifest["Layers"]:
            _unpack_layer(_read(image, layer), root)


def run(root: pathlib.Path, tests: pathlib.Path, command: list[str], *, seconds: float) -> Any:
    """Run a command as the launcher would; returns what it printed, as JSON. Raises CalledProcessError, TimeoutExpired."""
    enter = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
    whole = [*enter, "bash", "-c", _ENTER, "enter", str(root), str(tests), *command]
    done = subprocess.run(whole, stdout=subprocess.PIPE, timeout=seconds, check=True)
    return json.loads(done.stdout)
