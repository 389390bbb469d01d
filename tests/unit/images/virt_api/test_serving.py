"""How virt-api begins, goes on and ends: certificates that change, requests in work at SIGTERM, an API server that is away."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from ansible_collections.playvirt.core.images.virt_api import certificates
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from . import scene
from .test_webhooks import vmi


async def _keep_asking(s: scene.Scene, context: ssl.SSLContext, stop: asyncio.Event, answers: list[int]) -> None:
    content = json.dumps(scene.review(vmi())).encode()
    while not stop.is_set():
        # A session of its own: each request is a new connection, as when the API server has none open.
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                s.url("/validate"), data=content, headers={"Content-Type": "application/json"}, ssl=context
            ) as answer,
        ):
            await answer.read()
            answers.append(answer.status)


async def test_certificates_change_without_a_refused_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(certificates.Certificates.__init__, "__kwdefaults__", {"interval": 0.01})
    async with scene.running(tmp_path) as s:
        newer = scene.new_authority()
        stop, answers = asyncio.Event(), list[int]()
        asking = [asyncio.create_task(_keep_asking(s, s.trusting(s.authority, newer), stop, answers)) for _ in range(3)]
        for authority in (s.authority, newer, newer):
            await asyncio.sleep(0.1)
            scene.write_certificate(s.directory, authority)
        await asyncio.sleep(0.2)
        stop.set()
        await asyncio.gather(*asking)
        assert set(answers) == {200}
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await s.post("/validate", scene.review(vmi()))
        s.authority = newer
        assert (await s.ask("/validate", scene.review(vmi())))["allowed"] is True


async def test_files_that_do_not_fit_leave_the_certificate_as_it_was(tmp_path: Path) -> None:
    authority = scene.new_authority()
    scene.write_certificate(tmp_path, authority)
    found = certificates.Certificates(tmp_path)
    assert found.problem() == "no certificate yet"
    assert (found.load(), found.problem()) == (True, None)
    assert found.load() is False
    (tmp_path / "..data" / "tls.key").write_bytes(authority.key)
    with pytest.raises(errors.PermanentError):
        found.load()
    assert found.problem() is None
    (tmp_path / "tls.key").unlink()
    with pytest.raises(errors.PermanentError):
        found.load()


async def test_at_the_end_requests_are_answered_and_clients_sent_away(tmp_path: Path) -> None:
    async with scene.running(tmp_path, leave="300ms") as s:
        content, headers = json.dumps(scene.review(vmi())).encode(), {"Content-Type": "application/json"}
        context = s.trusting(s.authority)
        async with aiohttp.ClientSession() as session:

            async def ask() -> tuple[int, str | None]:
                async with session.post(s.url("/validate"), data=content, headers=headers, ssl=context) as answer:
                    await answer.read()
                    return answer.status, answer.headers.get("Connection")

            assert await ask() == (200, None)
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0.05)
            assert (await s.health("/readyz"))[0] == 503
            assert await ask() == (200, "close")
            assert s.task is not None
            assert await s.task == 0
            with pytest.raises(aiohttp.ClientConnectionError):
                await ask()


async def test_a_body_that_does_not_come_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.playvirt.core.images.virt_api.server.BODY_SECONDS", 0.1)
    async with scene.running(tmp_path) as s:
        assert s.process.server is not None
        reader, writer = await asyncio.open_connection("localhost", s.process.server.port, ssl=s.trusting(s.authority))
        writer.write(
            b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        await writer.drain()
        assert b"408" in await reader.readline()
        writer.close()


async def test_an_api_server_that_goes_away_stops_no_answer(tmp_path: Path) -> None:
    async with scene.running(tmp_path) as s:
        s.api.cut()
        s.api.fail("GET", "/", code=503, times=1000)
        answers: list[Any] = [await s.ask("/validate", scene.review(vmi())) for _ in range(3)]
        assert [answer["allowed"] for answer in answers] == [True, True, True]
