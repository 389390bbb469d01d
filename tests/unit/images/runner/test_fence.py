"""A replica that has lost its lease is silent, whenever it learns of that.

Not here: one that is killed while it is stopped (tests/integration/test_lost_controller.py).
"""

from __future__ import annotations

import asyncio

import pytest
from ansible_collections.playvirt.core.images.runner.api import api_client, credentials
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "c"}, "data": {"a": "1"}}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_no_byte_of_a_write_goes_out_without_the_lease(method: str) -> None:
    received = bytearray()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            received.extend(data)
        writer.close()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    access = credentials.Credentials(f"http://127.0.0.1:{port}", None, lambda: None)
    async with server, api_client.APIClient(access, may_write=lambda: False) as client:
        body = None if method == "DELETE" else CONFIG
        with pytest.raises(errors.TransientError, match="does not hold the lease"):
            await client.request(api_client.Request(method=method, path="/api/v1/namespaces/ns/configmaps", body=body))
        server.close()
    assert not received


async def test_the_lease_is_asked_after_the_connection_was_made() -> None:
    """What a process does that was stopped while it connected: it was allowed when it began."""
    held = [True]
    async with kube_api.KubeAPI() as api:
        access = credentials.Credentials(api.url, None, lambda: None)
        async with api_client.APIClient(access, may_write=lambda: held[0]) as client:
            writing = asyncio.create_task(client.create(CONFIG))
            await asyncio.sleep(0)
            held[0] = False
            with pytest.raises(errors.TransientError, match="does not hold the lease"):
                await writing
            assert api.get("v1", "ConfigMap", "ns", "c") is None
            assert await client.list("v1", "ConfigMap") == []  # reads go on


async def test_a_body_is_asked_about_again_when_its_turn_comes() -> None:
    answers = iter([True, False])
    async with kube_api.KubeAPI() as api:
        access = credentials.Credentials(api.url, None, lambda: None)
        async with api_client.APIClient(access, may_write=lambda: next(answers)) as client:
            with pytest.raises(errors.TransientError, match="does not hold the lease"):
                await client.create(CONFIG)
        assert api.get("v1", "ConfigMap", "ns", "c") is None
