"""The launcher's lock."""

from __future__ import annotations

import fcntl
import os
import pathlib

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import alive


def test_hold_locks_until_the_descriptor_is_closed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "1111/alive"
    held = alive.hold(str(path))
    assert not os.get_inheritable(held)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["alive"]
    with path.open() as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.close(held)
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
