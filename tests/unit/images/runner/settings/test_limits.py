"""How many runs a cgroup carries: version 2, version 1, and neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.playvirt.core.images.runner.settings import limits

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    return root


def test_without_a_cgroup_it_is_the_machine(tmp_path: Path) -> None:
    assert limits.processors(tmp_path) == 8.0
    assert limits.memory(tmp_path) is None
    assert limits.default_runs(tmp_path) == 16


def test_version_2(tmp_path: Path) -> None:
    write(tmp_path, cpu_DOT_max="250000 100000", memory_DOT_max="max")
    assert limits.processors(tmp_path) == 2.5
    assert limits.memory(tmp_path) is None
    assert limits.default_runs(tmp_path) == 5
    write(tmp_path, cpu_DOT_max="max 100000", memory_DOT_max=str(512 * MIB))
    assert limits.processors(tmp_path) == 8.0
    assert limits.default_runs(tmp_path) == 7


def test_version_1(tmp_path: Path) -> None:
    write(tmp_path, cpu__cpu_DOT_cfs_quota_us="50000", cpu__cpu_DOT_cfs_period_us="100000")
    write(tmp_path, memory__memory_DOT_limit_in_bytes="9223372036854771712")
    assert limits.processors(tmp_path) == 0.5
    assert limits.memory(tmp_path) is None
    assert limits.default_runs(tmp_path) == 2
    write(tmp_path, cpu__cpu_DOT_cfs_quota_us="-1", memory__memory_DOT_limit_in_bytes=str(64 * MIB))
    assert limits.processors(tmp_path) == 8.0
    assert limits.default_runs(tmp_path) == 1, "at least one, whatever the memory"


def test_a_quota_above_the_machine_counts_as_the_machine(tmp_path: Path) -> None:
    assert limits.processors(write(tmp_path, cpu_DOT_max="6400000 100000")) == 8.0
