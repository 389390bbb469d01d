"""What is kept of the last runs of an object on disk, for people who look for it there.

In: a root directory; per run a name such as `example.com/v1/Widget/default/one`, what happened, and how many runs to keep. Out: under
ROOT/NAME/artifacts a directory per run with `stdout` (a line per task), `status` (successful, failed, canceled) and `rc`, as ansible-runner names
them, and the link `latest`. Only the last runs of an object are there, each file is bounded, nothing is there of an object that was forgotten.
Variables are never written. Called by `engine.py`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .job import RunResult

STDOUT_LIMIT = 256 * 1024
_CUT = "... the rest was cut\n"


class Artifacts:
    """The files of one run; `write` puts them there."""

    def __init__(self, root: Path, name: str, *, keep: int) -> None:
        """`keep` 0 keeps every run."""
        if not name or any(part in ("", ".", "..") for part in name.split("/")):
            raise ValueError(f"'{name}' does not name a place for artifacts")
        self._directory = root / name / "artifacts"
        self._keep = keep
        self._lines: list[str] = []
        self._size = 0

    def note(self, task: Mapping[str, Any]) -> None:
        """Add a task's line."""
        line = f"{task['status']}: [{task['task']}] {task['msg']}\n"
        self._size += len(line)
        if self._size <= STDOUT_LIMIT:
            self._lines.append(line)
        elif self._lines[-1] != _CUT:
            self._lines.append(_CUT)

    def write(self, result: RunResult) -> None:
        """Write the run's files and remove those of runs that are too old; raises OSError."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        runs = sorted(int(path.name) for path in self._directory.iterdir() if path.name.isdigit())
        number = runs[-1] + 1 if runs else 1
        run = self._directory / str(number)
        run.mkdir(mode=0o700)
        status = "canceled" if result.cancelled else "successful" if result.ok else "failed"
        (run / "stdout").write_text("".join(self._lines), encoding="utf-8", errors="replace")
        (run / "status").write_text(status, encoding="utf-8")
        (run / "rc").write_text(str(int(not result.ok)), encoding="utf-8")
        link = self._directory / "latest.new"
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(str(number))
        os.replace(link, self._directory / "latest")
        if self._keep:
            for old in [*runs, number][: -self._keep]:
                shutil.rmtree(self._directory / str(old), ignore_errors=True)


def forget(root: Path, name: str) -> None:
    """Remove everything of an object and the directories that are empty then."""
    directory = root / name
    shutil.rmtree(directory, ignore_errors=True)
    for parent in directory.parents:
        if parent == root or not parent.is_relative_to(root):
            return
        with contextlib.suppress(OSError):
            parent.rmdir()
