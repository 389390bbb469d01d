"""The fake API server keeps what it promises; what its users rely on, seen over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api, kube_thread

PODS = "/api/v1/namespaces/ns/pods"


def pod(name: str, **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **meta}, "spec": {"a": 1}}


class Scene:
    """A server and a bare HTTP client."""

    def __init__(self, api: kube_api.KubeAPI, session: aiohttp.ClientSession) -> None:
        self.api = api
        self.session = session

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        async with self.session.request(method, self.api.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def events(self, query: str, count: int) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        async with self.session.get(f"{self.api.url}{PODS}?watch=true&{query}") as answer:
            while len(found) < count:
                event = json.loads(await answer.content.readline())
                found.append((event["type"], event["object"].get("metadata", {}).get("name", "")))
        return found


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with kube_api.KubeAPI() as api, aiohttp.ClientSession() as session:
        yield Scene(api, session)


async def test_status_and_spec_are_written_apart_and_generation_follows_the_spec() -> None:
    async with scene() as s:
        _, created = await s.ask("POST", PODS, {**pod("a"), "status": {"x": 1}})
        assert "status" not in created
        assert created["metadata"]["generation"] == 1
        _, written = await s.ask("PUT", PODS + "/a/status", {**created, "spec": {"a": 2}, "status": {"x": 2}})
        assert (written["spec"], written["status"], written["metadata"]["generation"]) == ({"a": 1}, {"x": 2}, 1)
        _, updated = await s.ask("PUT", PODS + "/a", {**written, "spec": {"a": 3}, "status": {"x": 9}})
        assert (updated["spec"], updated["status"], updated["metadata"]["generation"]) == ({"a": 3}, {"x": 2}, 2)
        status, answer = await s.ask("PUT", PODS + "/a", created)
        assert (status, answer["reason"]) == (409, "Conflict")
        _, same = await s.ask("PUT", PODS + "/a", updated)
        assert same["metadata"]["resourceVersion"] == updated["metadata"]["resourceVersion"]


async def test_deletion_waits_for_finalizers() -> None:
    async with scene() as s:
        await s.ask("POST", PODS, pod("a", finalizers=["f"]))
        _, deleting = await s.ask("DELETE", PODS + "/a")
        assert "deletionTimestamp" in deleting["metadata"]
        operations = [{"op": "remove", "path": "/metadata/finalizers/0"}]
        await s.ask("PATCH", PODS + "/a", operations, **{"Content-Type": "application/json-patch+json"})
        assert (await s.ask("GET", PODS + "/a"))[0] == 404
        await s.ask("POST", PODS, pod("b"))
        assert (await s.ask("DELETE", PODS + "/b"))[1]["status"] == "Success"


async def test_watches_see_changes_through_their_selectors() -> None:
    async with scene() as s:
        for name in ("a", "b"):
            s.api.put(pod(name, namespace="ns", labels={"l": "1"}))
        version = (await s.ask("GET", PODS))[1]["metadata"]["resourceVersion"]
        s.api.put(pod("a", namespace="ns", labels={"l": "2"}))
        s.api.put(pod("c", namespace="ns", labels={"l": "1"}))
        s.api.put(pod("other", namespace="elsewhere", labels={"l": "1"}))
        s.api.remove("v1", "Pod", "ns", "b")
        found = await s.events(f"labelSelector=l%3D1&resourceVersion={version}", 3)
        assert found == [("DELETED", "a"), ("ADDED", "c"), ("DELETED", "b")]
        s.api.compact()
        assert (await s.events(f"resourceVersion={version}", 1))[0][0] == "ERROR"
        assert (await s.events("allowWatchBookmarks=true", 1))[0][0] == "BOOKMARK"


async def test_pages_failures_and_garbage() -> None:
    async with scene() as s:
        owner = s.api.put(pod("owner", namespace="ns"))
        references = [{"apiVersion": "v1", "kind": "Pod", "name": "owner", "uid": owner["metadata"]["uid"]}]
        s.api.put(pod("owned", namespace="ns", ownerReferences=references))
        _, page = await s.ask("GET", PODS + "?limit=1")
        _, rest = await s.ask("GET", f"{PODS}?limit=1&continue={page['metadata']['continue']}")
        assert [page["items"][0]["metadata"]["name"], rest["items"][0]["metadata"]["name"]] == ["owned", "owner"]
        assert "continue" not in rest["metadata"]
        s.api.fail("GET", PODS, code=503, times=1)
        assert [(await s.ask("GET", PODS))[0] for _ in range(2)] == [503, 200]
        s.api.remove("v1", "Pod", "ns", "owner")
        s.api.collect_garbage()
        assert s.api.all("v1", "Pod") == []
        assert [seen.method for seen in s.api.writes()] == []


def test_the_server_runs_in_a_thread() -> None:
    async def names(url: str) -> list[str]:
        async with aiohttp.ClientSession() as session, session.get(url + PODS) as answer:
            return [item["metadata"]["name"] for item in (await answer.json())["items"]]

    with kube_thread.serve_in_thread() as server:
        server.call(server.api.put, pod("a", namespace="ns"))
        assert asyncio.run(names(server.url)) == ["a"]
