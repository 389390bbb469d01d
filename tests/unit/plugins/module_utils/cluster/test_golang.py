"""The cache of built programs, with a stand-in for the Go command."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.cluster import golang

GO = """#!/bin/sh
case $1 in
env) echo go1.26.8 ;;
build)
    echo "go: downloading example.org/one v1.0.0" >&2
    echo example.org/one >&2
    echo example.org/two >&2
    [ ! -e broken ] || { echo "./main.go:1:1: expected declaration" >&2; exit 1; }
    while [ "$1" != -o ]; do shift; done
    echo built >"$2/program" ;;
esac
"""


@pytest.fixture
def build(tmp_path: pathlib.Path) -> golang.Build:
    go = tmp_path / "go"
    go.write_text(GO)
    go.chmod(0o755)
    source = tmp_path / "source"
    source.mkdir()
    (source / "go.mod").write_text("module demo\n")
    (source / "main.go").write_text("package main\n")
    return golang.Build(name="demo", source=source, packages=(".",), flags=("-trimpath",), go=str(go), niceness=0)


def test_the_digest_follows_sources_flags_and_version(build: golang.Build, tmp_path: pathlib.Path) -> None:
    digests = [build.digest(), dataclasses.replace(build, flags=("-v",)).digest()]
    (build.source / "notes.txt").write_text("not a source")
    assert build.digest() == digests[0]
    (build.source / "main.go").write_text("package main // changed\n")
    digests.append(build.digest())
    go = tmp_path / "go"
    go.write_text(go.read_text().replace("go1.26.8", "go1.26.9"))
    digests.append(build.digest())
    assert len(set(digests)) == 4
    assert golang.cached(build, tmp_path / "cache") == tmp_path / "cache" / f"demo-{digests[-1]}"


def test_a_build_appears_whole_and_tells_how_far_it_is(
    build: golang.Build, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golang, "_INTERVAL_SECONDS", 0.0)
    lines: list[str] = []
    target = tmp_path / "cache" / "demo-1"
    golang.compile_into(build, target, lines.append)
    assert (target / "program").read_text() == "built\n"
    assert [path.name for path in target.parent.iterdir()] == ["demo-1"]
    assert lines
    assert lines[-1].startswith("building demo: 2 packages compiled, 1 modules downloaded")


def test_a_failed_build_leaves_nothing_and_repeats_the_compiler(build: golang.Build, tmp_path: pathlib.Path) -> None:
    (build.source / "broken").touch()
    target = tmp_path / "cache" / "demo-1"
    with pytest.raises(errors.CommandFailed, match="expected declaration") as caught:
        golang.compile_into(build, target, lambda line: None)
    assert caught.value.returncode == 1
    assert list(target.parent.iterdir()) == []


def test_a_build_that_somebody_else_finished_first_is_kept(build: golang.Build, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "cache" / "demo-1"
    target.mkdir(parents=True)
    (target / "program").write_text("theirs\n")
    golang.compile_into(build, target, lambda line: None)
    assert (target / "program").read_text() == "theirs\n"
    assert [path.name for path in target.parent.iterdir()] == ["demo-1"]


def test_without_go_the_message_says_what_to_install() -> None:
    with pytest.raises(errors.PermanentError, match=r"install Go 1\.26"):
        golang.go_version("/nonexistent/go")
