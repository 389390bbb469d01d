"""Leader election against the fake API server, with a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ansible_collections.playvirt.core.images.runner.api import api_client, lease
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets


class Clock:
    """Time stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """An API server and as many replicas as wanted."""

    def __init__(self, api: kube_api.KubeAPI, client: api_client.APIClient) -> None:
        self.api = api
        self.clock = Clock()
        self._client = client

    def replica(self, identity: str) -> lease.Election:
        options = lease.LeaseOptions(namespace="playvirt", name="virt-controller", identity=identity, retry=0.01)
        return lease.Election(self._client, options, clock=self.clock)

    def spec(self) -> dict[str, Any]:
        stored = self.api.get("coordination.k8s.io/v1", "Lease", "playvirt", "virt-controller")
        spec: dict[str, Any] = (stored or {}).get("spec") or {}
        return spec


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with widgets.connected() as (api, client):
        yield Scene(api, client)


async def test_the_first_takes_the_lease_and_others_do_not() -> None:
    async with scene() as s:
        one, two = s.replica("one"), s.replica("two")
        assert not one.held()
        assert await one._attempt()
        assert not await two._attempt()
        assert one.held()
        assert not two.held()
        assert s.spec()["holderIdentity"] == "one"
        assert s.spec()["leaseDurationSeconds"] == 15


async def test_a_standby_takes_over_only_after_the_whole_time_without_renewal() -> None:
    async with scene() as s:
        one, two = s.replica("one"), s.replica("two")
        assert await one._attempt()
        assert not await two._attempt()
        s.clock.now += 9
        assert await one._attempt()
        s.clock.now += 9
        assert not await two._attempt(), "it was renewed since it was seen"
        s.clock.now += 14
        assert not await two._attempt()
        s.clock.now += 2
        assert await two._attempt()
        assert s.spec()["holderIdentity"] == "two"
        assert s.spec()["leaseTransitions"] == 1


async def test_a_paused_leader_finds_itself_without_the_lease_before_the_other_may_have_it() -> None:
    async with scene() as s:
        one, two = s.replica("one"), s.replica("two")
        await one._attempt()
        await two._attempt()
        s.clock.now += 10
        assert not one.held()
        assert not await two._attempt()
        s.clock.now += 6
        assert await two._attempt()
        assert not await one._attempt()
        assert not one.held()


async def test_run_returns_when_another_has_the_lease() -> None:
    async with scene() as s:
        one = s.replica("one")
        running = asyncio.create_task(one.run())
        await one.acquired.wait()
        stored = s.api.get("coordination.k8s.io/v1", "Lease", "playvirt", "virt-controller") or {}
        s.api.put({**stored, "spec": {**stored["spec"], "holderIdentity": "two"}})
        async with asyncio.timeout(60):
            await running
        assert not one.held()


async def test_run_returns_when_it_cannot_renew_in_time() -> None:
    async with scene() as s:
        one = s.replica("one")
        running = asyncio.create_task(one.run())
        await one.acquired.wait()
        s.api.fail("GET", "/apis/coordination.k8s.io", code=500, times=1000)
        s.clock.now += 9.9
        assert one.held(), "an error alone does not end it"
        s.clock.now += 0.2
        async with asyncio.timeout(60):
            await running
        assert not one.held()


async def test_release_lets_the_next_in_at_once_and_a_restarted_process_keeps_its_lease() -> None:
    async with scene() as s:
        one, two = s.replica("one"), s.replica("two")
        await one._attempt()
        again = s.replica("one")
        assert await again._attempt(), "the same pod after a restart of its container"
        assert s.spec()["leaseTransitions"] == 0
        await again.release()
        assert not again.held()
        assert await two._attempt()


async def test_two_that_take_a_free_lease_at_once_do_not_both_get_it() -> None:
    async with scene() as s:
        replicas = [s.replica(f"r{number}") for number in range(5)]
        got = await asyncio.gather(*(replica._attempt() for replica in replicas))
        assert sum(got) == 1
        assert [replica.held() for replica in replicas] == got


async def test_a_renewal_that_was_decided_too_long_ago_is_not_sent() -> None:
    async with scene() as s:
        one = s.replica("one")
        assert await one._attempt()
        before, get = s.spec(), s._client.get

        async def stopped_after_reading(*arguments: Any, **named: Any) -> dict[str, Any]:
            found = await get(*arguments, **named)
            s.clock.now += 11
            return found

        s._client.get = stopped_after_reading  # type: ignore[method-assign]
        assert not await one._attempt()
        assert s.spec() == before
        assert not one.held()


async def test_every_renewal_tells_when_the_process_must_be_gone() -> None:
    async with scene() as s:
        told: list[float] = []
        options = lease.LeaseOptions(namespace="playvirt", name="virt-controller", identity="one")
        one = lease.Election(s._client, options, clock=s.clock, on_renewed=told.append)
        assert await one._attempt()
        s.clock.now += 5
        assert await one._attempt()
        assert told == [1012.5, 1017.5]
        assert options.renew_deadline < options.kill_after < options.duration
