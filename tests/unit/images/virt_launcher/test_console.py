"""Subcommand console, with socket pairs for the guest and for the terminal."""

from __future__ import annotations

import os
import pathlib
import socket
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import console, paths

WAIT_SECONDS = 60


class Bench:
    """A relay that runs, with the guest's end and the terminal's ends of it."""

    def __init__(self) -> None:
        self.guest, relayed = socket.socketpair()
        self.guest.settimeout(WAIT_SECONDS)
        self.source, self.keyboard = os.pipe()
        self.screen, self.sink = os.pipe()
        self.relayed = relayed
        self.thread = threading.Thread(target=console.relay, args=(relayed, self.source, self.sink))
        self.thread.start()

    def ended(self) -> bool:
        self.thread.join(WAIT_SECONDS)
        return not self.thread.is_alive()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    os.close(made.keyboard)
    made.thread.join(WAIT_SECONDS)
    for open_socket in (made.guest, made.relayed):
        open_socket.close()
    for descriptor in (made.source, made.screen, made.sink):
        os.close(descriptor)


def test_relay_carries_both_ways_until_the_escape(bench: Bench) -> None:
    bench.guest.sendall(b"login: ")
    assert os.read(bench.screen, 100) == b"login: "
    os.write(bench.keyboard, b"root\r" + console.ESCAPE + b"rest")
    assert bench.guest.recv(100) == b"root\r"
    assert bench.ended()


def test_relay_ends_with_the_guest(bench: Bench) -> None:
    bench.guest.shutdown(socket.SHUT_RDWR)
    assert bench.ended()


def test_main_without_a_guest(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "PRIVATE", str(tmp_path))
    assert console.main() == 1
    assert "no guest with a serial console runs in this pod" in capsys.readouterr().err
    (tmp_path / "1111").mkdir()
    (tmp_path / "1111/virt-serial0").write_text("no socket")
    assert console.main() == 1
    assert "the serial console does not answer" in capsys.readouterr().err
