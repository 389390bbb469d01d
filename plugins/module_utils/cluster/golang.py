# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Programs built from Go modules, kept in a cache under the digest of all that they were built from.

In: a directory with go.mod, go.sum and perhaps Go files, the packages and flags, a cache directory. Out: a directory of binaries. A build
goes into a temporary directory that gets its name when it is whole, so a cache that was left half filled is as good as an empty one.
Called by: module go_build.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence

from ansible_collections.playvirt.core.plugins.module_utils import process
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

_INTERVAL_SECONDS = 20.0
_LAST_LINES = 15
_SOURCES = (".go", ".mod", ".sum")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    """What to build: `name` for people and the cache, `source` the module's directory, `packages` and `flags` as `go build` takes them."""

    name: str
    source: pathlib.Path
    packages: tuple[str, ...]
    flags: tuple[str, ...]
    go: str
    niceness: int

    def digest(self) -> str:
        """Return the first 12 hex digits of what decides the result: sources, packages, flags and Go's version."""
        digest = hashlib.sha256()
        for path in sorted(self.source.iterdir()):
            if path.suffix in _SOURCES:
                digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        digest.update("\0".join([*self.packages, *self.flags, go_version(self.go)]).encode())
        return digest.hexdigest()[:12]


def go_version(go: str) -> str:
    """Return Go's version line; raises PermanentError when there is no Go."""
    try:
        return process.run([go, "env", "GOVERSION"], timeout_seconds=60).stdout.strip()
    except errors.CommandFailed as error:
        raise errors.PermanentError(
            f"{error}: install Go 1.26 or newer, or name it with embedded_cluster_go"
        ) from error


def cached(build: Build, cache: pathlib.Path) -> pathlib.Path:
    """Return the directory in which the binaries of `build` are or would be."""
    return cache / f"{build.name}-{build.digest()}"


def compile_into(build: Build, target: pathlib.Path, progress: Callable[[str], None]) -> None:
    """Build into directory `target`, telling `progress` one line about every 20 seconds; raises CommandFailed with the compiler's words."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{build.name}-", dir=target.parent))
    temporary.chmod(0o755)
    try:
        command = [
            "nice",
            "-n",
            str(build.niceness),
            build.go,
            "build",
            "-v",
            "-buildvcs=false",  # a checkout of another user must not stop the build
            *build.flags,
            "-o",
            f"{temporary}/",
            *build.packages,
        ]
        environment = {**os.environ, "CGO_ENABLED": "0"}
        with subprocess.Popen(
            command,
            cwd=build.source,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as compiler:
            last_lines = _follow(build, compiler, progress)
        if compiler.returncode:
            raise errors.CommandFailed(
                f"go build of {build.name} ended with {compiler.returncode}:\n" + "\n".join(last_lines),
                returncode=compiler.returncode,
            )
        if target.exists():  # somebody else was faster
            return
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _follow(build: Build, compiler: subprocess.Popen[bytes], progress: Callable[[str], None]) -> Sequence[str]:
    started = told = time.monotonic()
    compiled = downloaded = 0
    last_lines: list[str] = []
    pending = b""
    stream = compiler.stderr
    assert stream is not None  # asked for with PIPE
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if selector.select(timeout=_INTERVAL_SECONDS / 10):
                chunk = os.read(stream.fileno(), 65536)
                if not chunk:
                    return last_lines
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    downloaded += line.startswith(b"go: downloading")
                    compiled += not line.startswith((b"go: ", b"#", b"\t"))
                    last_lines = [*last_lines, line.decode(errors="replace")][-_LAST_LINES:]
            if time.monotonic() - told >= _INTERVAL_SECONDS:
                told = time.monotonic()
                progress(
                    f"building {build.name}: {compiled} packages compiled, {downloaded} modules downloaded, {told - started:.0f} s"
                )
