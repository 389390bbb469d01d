"""Watches that begin at run time: which sources, each once, where a watch is wanted, and when it is ready."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from ansible_collections.playvirt.core.images.runner.access import dependents, owner_injection
from ansible_collections.playvirt.core.images.runner.api import api_client, discovery
from ansible_collections.playvirt.core.images.runner.settings import watches
from ansible_collections.playvirt.core.images.runner.watching import cache, watcher
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets

SOURCE = widgets.SOURCE
WATCH = watches.Watch(
    name="w", api_version="example.com/v1", kind="Widget", role="r", primary=(SOURCE,), dynamic_dependents=True
)
OWNER = owner_injection.Owner(api_version="example.com/v1", kind="Widget", namespace="ns", name="w", uid="u")
VERBS = frozenset({"get", "list", "watch", "create"})
SECRETS = discovery.Served(api_version="v1", kind="Secret", namespaced=True, verbs=VERBS)
NODES = discovery.Served(api_version="v1", kind="Node", namespaced=False, verbs=VERBS)
REVIEWS = discovery.Served(api_version="a/v1", kind="Review", namespaced=False, verbs=frozenset({"create"}))


@asynccontextmanager
async def scene(
    *namespaces: str,
) -> AsyncIterator[tuple[kube_api.KubeAPI, api_client.APIClient, dependents.Dependents]]:
    async with widgets.connected() as (api, client):
        store = cache.Cache([SOURCE])
        primary = watcher.Watcher(client, store, SOURCE)
        found = dependents.Dependents(client=client, store=store, namespaces=namespaces, watchers=[primary])
        try:
            yield api, client, found
        finally:
            await found.stop()


async def test_a_kind_is_watched_in_each_namespace_that_the_runner_watches() -> None:
    async with scene("one", "two") as (api, _, found):
        found.watch(0, SECRETS)
        assert {source.namespace for source in found.sources(0)} == {"one", "two"}
        found.watch(0, NODES)
        assert {source.namespace for source in found.sources(0) if source.kind == "Node"} == {None}
        await api.until(lambda: len(found.ready()) == 3)
        assert SOURCE not in found.ready(), "its watcher does not run here"


async def test_a_source_has_one_watcher_whoever_wants_it() -> None:
    async with scene() as (api, _, found):
        found.watch(0, SECRETS)
        found.watch(1, SECRETS)
        assert found.sources(0) == found.sources(1) != frozenset()
        await api.until(found.ready)
        assert len([seen for seen in api.seen if seen.path == "/api/v1/secrets" and "watch" not in seen.query]) == 1


async def test_what_is_wanted() -> None:
    async with scene() as (_, _, found):
        assert found.wanted(0, WATCH, SECRETS, OWNER)
        assert not found.wanted(0, WATCH, REVIEWS, OWNER), "there is nothing to list"
        assert not found.wanted(0, replace(WATCH, blacklist=frozenset({("v1", "Secret")})), SECRETS, OWNER)
        assert not found.wanted(0, replace(WATCH, dynamic_dependents=False), SECRETS, OWNER)
        assert not found.wanted(0, WATCH, NODES, OWNER)
        assert found.wanted(0, replace(WATCH, cluster_scoped_dependents=True), NODES, OWNER)
        assert found.wanted(0, WATCH, NODES, replace(OWNER, namespace=""))
        found.watch(0, SECRETS)
        assert not found.wanted(0, WATCH, SECRETS, OWNER)
        assert found.wanted(1, WATCH, SECRETS, OWNER)


async def test_a_watch_that_is_refused_is_not_ready_and_harms_nothing() -> None:
    async with scene() as (api, _, found):
        api.fail("GET", "/api/v1/secrets", code=403, reason="Forbidden", times=10**6)
        found.watch(0, SECRETS)
        await api.until(lambda: [seen for seen in api.seen if seen.path == "/api/v1/secrets"])
        assert found.ready() == []


async def test_discovery_asks_again_for_what_was_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "RETRY_SECONDS", 0.0)
    async with scene() as (api, client, _):
        found = discovery.Discovery(client)
        assert await found.find("example.com/v2", "widgets") is None
        assert await found.find("example.com/v1", "gadgets") is None
        first = await found.find("example.com/v1", "widgets")
        assert first is not None
        assert (first.kind, first.namespaced, first.is_stored) == ("Widget", True, True)
        asked = len(api.seen)
        assert await found.find("example.com/v1", "widgets") is first
        assert len(api.seen) == asked
