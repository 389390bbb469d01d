"""How long launchers may be renewed, with a clock of the test's own."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.virt_handler import contact
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.unit.fakes import virt_handler as fakes


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_grant_shrinks_while_the_api_server_is_silent() -> None:
    clock, context = Clock(), fakes.Context()
    found = contact.Contact(60, clock=clock)
    assert found.grant_seconds == 0
    await found.refresh(context.client, "node01")
    assert (found.grant_seconds, found.problem()) == (60, None)
    context.client.failure = errors.TransientError("connection refused")
    clock.now += 45
    await found.refresh(context.client, "node01")
    assert found.grant_seconds == 15
    clock.now += 20
    assert found.grant_seconds < 0
    assert "not answered for 60 s" in str(found.problem())


async def test_contact_comes_back() -> None:
    clock, context = Clock(), fakes.Context()
    found = contact.Contact(60, clock=clock)
    context.client.failure = errors.api_error(500, "etcd is down")
    assert await found.refresh(context.client, "node01") == 1
    assert found.problem() is not None
    context.client.failure = None
    assert await found.refresh(context.client, "node01") == 10
    assert found.grant_seconds == 60


async def test_deleted_node_is_not_renewed(caplog: pytest.LogCaptureFixture) -> None:
    context = fakes.Context()
    context.client.failure = errors.api_error(404, {"reason": "NotFound", "message": "nodes node01 not found"})
    found = contact.Contact(60, clock=Clock())
    await found.refresh(context.client, "node01")
    assert found.grant_seconds == 0
    assert "node01 is not in the API" in caplog.text


async def test_answer_that_forbids_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    context = fakes.Context()
    context.client.failure = errors.api_error(403, {"reason": "Forbidden", "message": "nodes node01 is forbidden"})
    found = contact.Contact(60, clock=Clock())
    await found.refresh(context.client, "node01")
    assert found.grant_seconds == 60
    assert "may not read its own node" in caplog.text
