"""A second ansible-core beside the development environment's: the interpreter that has it.

In: requirements/ansible-core-2.20.txt. Out: a path. The environment is made once, in ~/.cache/playvirt, under the hash of what it was made from; after that it
works offline. Called by tests/install-venv.sh (so that `make check` needs no network) and by the tests of the runner's engine.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "ansible-core-2.20.txt"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playvirt"


def python() -> str:
    """The interpreter; raises CalledProcessError when pip cannot install what is pinned."""
    made_from = REQUIREMENTS.read_bytes() + sys.version.encode()
    directory = CACHE / f"ansible-core-2.20-{hashlib.sha256(made_from).hexdigest()[:12]}"
    interpreter = directory / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "ansible-core-2.20.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "complete").exists():
            shutil.rmtree(directory, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", directory], check=True)
            pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--requirement", REQUIREMENTS], check=True)
            (directory / "complete").touch()
    return str(interpreter)


if __name__ == "__main__":
    print(python())
