"""A replica that was stopped past its lease: killed by its zygote while it is stopped, and silent should it wake before that."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from ansible_collections.playvirt.core.images.runner import api_client, credentials
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "c"}, "data": {"a": "1"}}
# A controller that is stopped (by itself, at a known moment) with a lease for another second; `renewed` says whether it goes on in time.
CONTROLLER = textwrap.dedent("""
    import asyncio, os, signal, sys
    from ansible_collections.playvirt.core.images.runner import engine, lease

    async def main():
        found = engine.Engine(engine.EngineOptions(roles=("widget",), environment={"ANSIBLE_ROLES_PATH": sys.argv[1]}, workers=1))
        await found.start()
        found.live_until(lease.boot_time() + 1)
        print(*found.pids, flush=True)
        if sys.argv[2] == "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        for _ in range(8):
            await asyncio.sleep(0.25)
            found.live_until(lease.boot_time() + 1)
        await found.close()

    asyncio.run(main())
""")


def controller(how: str) -> tuple[int, list[int]]:
    """Run one; returns its exit code and the ids of its zygote and workers."""
    roles = Path(__file__).parents[2] / "fixtures" / "roles"
    command = [sys.executable, "-c", CONTROLLER, str(roles), how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    return process.returncode, [int(pid) for pid in out.split()]


def test_a_stopped_controller_is_killed_with_its_workers_when_the_lease_has_passed() -> None:
    code, pids = controller("stopped")
    assert code == -signal.SIGKILL
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_one_that_renews_lives_on() -> None:
    assert controller("renewing")[0] == 0


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
