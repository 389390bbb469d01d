"""Probes against real sockets on this machine."""

from __future__ import annotations

import http.server
import pathlib
import socket
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.cluster import readiness


def probe(*, url: str | None = None, unix_socket: str | None = None) -> readiness.Probe:
    return readiness.Probe(url=url, unix_socket=unix_socket, authority=None, certificate=None, key=None, seconds=1.0)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response({"/readyz": 200, "/empty": 204}.get(self.path, 500))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_a_url_is_ready_when_it_answers_200(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a proxy is never asked
    assert probe(url=f"{server}/readyz").check() is None


def test_other_answers_are_named(server: str) -> None:
    assert "HTTP 204" in str(probe(url=f"{server}/empty").check())
    assert "500" in str(probe(url=f"{server}/broken").check())


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "refused" in str(probe(url=f"http://127.0.0.1:{taken.getsockname()[1]}/").check())


def test_a_unix_socket_is_ready_when_it_accepts(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "socket")
    assert path in str(probe(unix_socket=path).check())
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        assert "refused" in str(probe(unix_socket=path).check())
        listener.listen()
        assert probe(unix_socket=path).check() is None
