"""The proxy over its real port, with the kubeconfig of a run, before the fake API server."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from ansible_collections.playvirt.core.images.runner.access import dependents, proxy
from ansible_collections.playvirt.core.images.runner.api import api_client, credentials
from ansible_collections.playvirt.core.images.runner.settings import watches
from ansible_collections.playvirt.core.images.runner.turns import triggers
from ansible_collections.playvirt.core.images.runner.watching import cache, watcher
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets

SOURCE = widgets.SOURCE
WATCH = watches.Watch(
    name="widgets",
    api_version="example.com/v1",
    kind="Widget",
    role="widget",
    primary=(SOURCE,),
    dynamic_dependents=True,
)
CONFIG_MAPS = "/api/v1/namespaces/ns/configmaps"
NODES = "/api/v1/nodes"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
REFERENCE = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "w"}


def config_map(name: str = "c", namespace: str = "ns", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data}


class Scene:
    """A proxy with one session."""

    def __init__(
        self, api: kube_api.KubeAPI, client: api_client.APIClient, watch: watches.Watch, options: proxy.ProxyOptions
    ) -> None:
        self.api = api
        self.watch = watch
        self.leading = True
        self.cache = cache.Cache([SOURCE])
        self.watcher = watcher.Watcher(client, self.cache, SOURCE)
        self.kinds = dependents.Dependents(client=client, store=self.cache, namespaces=(), watchers=[self.watcher])
        self.proxy = proxy.Proxy(
            options, client=client, store=self.cache, kinds=self.kinds, may_write=lambda: self.leading
        )
        self.owner = api.put(
            {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"namespace": "ns", "name": "w"}}
        )
        self.reference = {**REFERENCE, "uid": self.owner["metadata"]["uid"]}
        self.triggered: list[tuple[str, str]] = []
        finder = triggers.Triggers((watch,), self.cache, self.kinds)
        self.cache.subscribe(lambda change: self.triggered.extend((t.key.name, t.reason) for t in finder.of(change)))
        self.server = ""
        self.token = ""

    async def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, token: str | None = None
    ) -> tuple[int, dict[str, Any], str]:
        """One request; HTTP status, body, X-Cache."""
        sent = {"Authorization": f"Bearer {self.token if token is None else token}", **(headers or {})}
        sent.setdefault("Content-Type", "application/json")
        async with aiohttp.ClientSession() as session:
            data = body if isinstance(body, str | None) else json.dumps(body)
            async with session.request(method, self.server + path, data=data, headers=sent) as answer:
                return answer.status, json.loads(await answer.read()), answer.headers.get("X-Cache", "")

    def reads(self) -> list[str]:
        return [seen.path for seen in self.api.seen if seen.method == "GET" and "watch" not in seen.query]

    async def watched(self, kind: str) -> None:
        await self.api.until(lambda: any(source.kind == kind for source in self.kinds.ready()))


@asynccontextmanager
async def scene(watch: watches.Watch = WATCH, **options: Any) -> AsyncIterator[Scene]:
    async with widgets.connected() as (api, client):
        found = Scene(api, client, watch, proxy.ProxyOptions(**options))
        await found.proxy.start()
        watching = asyncio.create_task(found.watcher.run())
        await found.watcher.synced.wait()
        try:
            with found.proxy.session(0, watch, found.owner) as environment:
                config = json.loads(Path(environment["K8S_AUTH_KUBECONFIG"]).read_text())
                found.server = config["clusters"][0]["cluster"]["server"]
                found.token = config["users"][0]["user"]["token"]
                assert config["contexts"][0]["context"]["namespace"] == "ns"
                yield found
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await found.kinds.stop()
            await found.proxy.stop()


async def test_only_the_token_of_a_run_that_is_going_on_opens_the_door() -> None:
    async with scene() as s:
        before = s.reads()
        for token in ("", "guess", s.token[:-1], s.token + "x"):
            status, answer, _ = await s.ask("GET", CONFIG_MAPS, token=token)
            assert (status, answer["reason"]) == (401, "Unauthorized")
        assert s.reads() == before, "nothing of it reached the API server"
        with s.proxy.session(0, s.watch, s.owner) as environment:
            path = Path(environment["KUBECONFIG"])
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            other = json.loads(path.read_text())["users"][0]["user"]["token"]
            assert other != s.token
            assert (await s.ask("GET", CONFIG_MAPS, token=other))[0] == 200
        assert not path.exists()
        assert (await s.ask("GET", CONFIG_MAPS, token=other))[0] == 401
        assert s.server.startswith("http://127.0.0.1:")


async def test_what_a_run_creates_gets_its_owner_and_is_watched() -> None:
    async with scene() as s:
        status, answer, _ = await s.ask("POST", CONFIG_MAPS, config_map(a="1"))
        assert (status, answer["metadata"]["ownerReferences"]) == (201, [s.reference])
        await s.watched("ConfigMap")
        s.triggered.clear()
        s.api.put({**answer, "data": {"a": "2"}})
        await s.api.until(lambda: s.triggered == [("w", "ConfigMap c changed")])
        s.api.remove("v1", "ConfigMap", "ns", "c")
        await s.api.until(lambda: s.triggered[1:] == [("w", "ConfigMap c is gone")])


async def test_a_dependents_status_and_somebody_elses_objects_start_nothing() -> None:
    for watch, expected in ((WATCH, []), (replace(WATCH, dependents_status_trigger=True), [("w", "Pod p changed")])):
        async with scene(watch) as s:
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}
            _, answer, _ = await s.ask("POST", "/api/v1/namespaces/ns/pods", pod)
            await s.watched("Pod")
            s.triggered.clear()
            s.api.put({**answer, "status": {"phase": "Running"}})
            mark = s.api.put(
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "ns", "name": "other"}, "spec": {}}
            )
            s.api.put({**mark, "spec": {"nodeName": "n"}})
            await s.api.until(lambda: (s.cache.get("v1", "Pod", "ns", "other") or {}).get("spec"))
            assert s.triggered == expected


async def test_an_object_elsewhere_gets_annotations_and_leads_back_by_them() -> None:
    async with scene() as s:
        _, answer, _ = await s.ask("POST", "/api/v1/namespaces/other/configmaps", config_map(namespace="other"))
        annotations = answer["metadata"]["annotations"]
        assert annotations["operator-sdk/primary-resource"] == "ns/w"
        assert "ownerReferences" not in answer["metadata"]
        await s.watched("ConfigMap")
        s.triggered.clear()
        s.api.put({**answer, "data": {"a": "2"}})
        await s.api.until(lambda: s.triggered == [("w", "ConfigMap c changed")])


async def test_cluster_scoped_dependents_are_watched_only_where_asked() -> None:
    for watch, expected in ((WATCH, False), (replace(WATCH, cluster_scoped_dependents=True), True)):
        async with scene(watch) as s:
            _, answer, _ = await s.ask("POST", NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})
            assert answer["metadata"]["annotations"]["operator-sdk/primary-resource-type"] == "Widget.example.com"
            assert bool(s.kinds.sources(0)) is expected


@pytest.mark.parametrize(
    "watch",
    [replace(WATCH, blacklist=frozenset({("v1", "ConfigMap")})), replace(WATCH, dynamic_dependents=False)],
    ids=["blacklist", "watchDependentResources: false"],
)
async def test_kinds_that_are_not_to_be_watched_get_their_owner_all_the_same(watch: watches.Watch) -> None:
    async with scene(watch) as s:
        _, answer, _ = await s.ask("POST", CONFIG_MAPS, config_map())
        assert answer["metadata"]["ownerReferences"] == [s.reference]
        assert s.kinds.sources(0) == frozenset()


async def test_without_injection_nothing_is_added() -> None:
    async with scene(inject_owner=False) as s:
        _, answer, _ = await s.ask("POST", CONFIG_MAPS, config_map())
        assert "ownerReferences" not in answer["metadata"]
        assert s.kinds.sources(0) == frozenset()


async def test_server_side_apply_carries_the_owner_where_it_creates_and_afterwards() -> None:
    async with scene() as s:
        text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: ns}\ndata: {a: '1'}\n"
        path = CONFIG_MAPS + "/c?fieldManager=role&force=true"
        status, answer, _ = await s.ask("PATCH", path, text, APPLY)
        assert (status, answer["metadata"]["ownerReferences"], answer["data"]) == (201, [s.reference], {"a": "1"})
        await s.watched("ConfigMap")
        await s.ask("PATCH", path, text.replace("'1'", "'2'"), APPLY)
        assert s.api.writes()[-1].body["metadata"]["ownerReferences"] == [s.reference]
        s.api.put(config_map("theirs"))
        await s.ask("PATCH", CONFIG_MAPS + "/theirs?fieldManager=role", text.replace("name: c", "name: theirs"), APPLY)
        assert "ownerReferences" not in s.api.writes()[-1].body["metadata"]


async def test_subresources_reviews_and_other_writes_pass_unchanged() -> None:
    async with scene() as s:
        s.api.put(config_map())
        await s.ask("PUT", CONFIG_MAPS + "/c", config_map(a="2"))
        await s.ask("PATCH", CONFIG_MAPS + "/c", {"data": {"b": "3"}}, {"Content-Type": "application/merge-patch+json"})
        await s.ask("POST", "/api/v1/namespaces/ns/pods/p/eviction", {"kind": "Eviction", "metadata": {"name": "p"}})
        await s.ask(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {"kind": "SelfSubjectAccessReview", "spec": {}},
        )
        assert all("ownerReferences" not in (seen.body.get("metadata") or {}) for seen in s.api.writes())
        assert s.kinds.sources(0) == frozenset()


async def test_reads_come_from_the_cache_where_it_holds_them() -> None:
    async with scene() as s:
        await s.ask("POST", CONFIG_MAPS, {**config_map(), "metadata": {"name": "c", "labels": {"app": "web"}}})
        await s.watched("ConfigMap")
        await s.api.until(lambda: s.cache.get("v1", "ConfigMap", "ns", "c"))
        before = s.reads()
        assert (await s.ask("GET", CONFIG_MAPS + "/c"))[2] == "HIT"
        for query, count in (("", 1), ("?labelSelector=app%20in%20(web)", 1), ("?labelSelector=app!%3Dweb", 0)):
            status, answer, hit = await s.ask("GET", CONFIG_MAPS + query)
            assert (status, answer["kind"], len(answer["items"]), hit) == (200, "ConfigMapList", count, "HIT")
        assert s.reads() == before
        assert (await s.ask("GET", CONFIG_MAPS + "/absent"))[0] == 404, "what the cache lacks is asked for"
        assert (await s.ask("GET", CONFIG_MAPS + "?fieldSelector=metadata.name%3Dc"))[2] == ""
        assert (await s.ask("GET", CONFIG_MAPS + "/c?pretty=1"))[2] == ""
        table = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
        assert (await s.ask("GET", CONFIG_MAPS + "/c", headers=table))[2] == ""
        assert (await s.ask("GET", "/api/v1/namespaces/ns/secrets"))[2] == "", "one read does not watch a kind"
        assert len(s.reads()) == len(before) + 5


async def test_a_deletion_is_seen_at_once() -> None:
    async with scene() as s:
        await s.ask("POST", CONFIG_MAPS, config_map())
        await s.watched("ConfigMap")
        await s.api.until(lambda: s.cache.get("v1", "ConfigMap", "ns", "c"))
        watching = s.kinds._watchers[next(iter(s.kinds.sources(0)))]
        s.kinds._tasks[0].cancel()  # the watch says nothing more, as when it lags
        await asyncio.gather(*s.kinds._tasks, return_exceptions=True)
        assert watching.problem() is None
        assert (await s.ask("DELETE", CONFIG_MAPS + "/c"))[0] == 200
        assert (await s.ask("GET", CONFIG_MAPS + "/c"))[0] == 404
        assert (await s.ask("GET", CONFIG_MAPS))[1]["items"] == []
        assert (await s.ask("POST", CONFIG_MAPS, config_map(a="new")))[0] == 201
        assert (await s.ask("GET", CONFIG_MAPS + "/c"))[1]["data"] == {"a": "new"}


async def test_what_was_created_by_an_earlier_process_is_watched_when_it_is_read() -> None:
    for path in ("", "/c"):
        async with scene() as s:
            await s.ask("GET", CONFIG_MAPS)
            assert s.kinds.sources(0) == frozenset()
            obj = config_map()
            obj["metadata"]["ownerReferences"] = [s.reference]
            s.api.put(obj)
            await s.ask("GET", CONFIG_MAPS + path)
            assert [source.kind for source in s.kinds.sources(0)] == ["ConfigMap"]


async def test_writes_are_refused_without_the_lease_and_reads_are_not() -> None:
    async with scene() as s:
        s.leading = False
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            status, answer, _ = await s.ask(method, CONFIG_MAPS, config_map())
            assert status == 503
            assert "does not hold the lease" in answer["message"]
        assert s.api.writes() == []
        assert (await s.ask("GET", CONFIG_MAPS))[0] == 200


async def test_an_api_server_that_is_away_is_said_so() -> None:
    async with scene() as s:
        await s.api.stop()
        status, answer, _ = await s.ask("GET", CONFIG_MAPS)
        assert (status, answer["reason"]) == (503, "ServiceUnavailable")


async def test_a_watch_is_streamed_and_a_dry_run_leaves_the_cache() -> None:
    async with scene() as s:
        status, _, _ = await s.ask("POST", CONFIG_MAPS + "?dryRun=All", config_map())
        assert status == 201
        await s.watched("ConfigMap")
        assert s.cache.get("v1", "ConfigMap", "ns", "c") is None
        assert s.api.get("v1", "ConfigMap", "ns", "c") is None
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {s.token}"}) as session:
            async with session.get(f"{s.server}{CONFIG_MAPS}?watch=true") as answer:
                s.api.put(config_map())
                while b'"ADDED"' not in (line := await answer.content.readline()):
                    assert line
                assert json.loads(line)["object"]["metadata"]["name"] == "c"
                s.api.cut()


EXEC = "/api/v1/namespaces/ns/pods/p/exec?command=echo&command=hi&stdout=true"


@asynccontextmanager
async def exec_server() -> AsyncIterator[tuple[str, list[str]]]:
    """An API server that knows `exec` alone: answers what it is sent on channel 1, then closes; and the queries it saw."""
    seen: list[str] = []

    async def execute(request: web.Request) -> web.StreamResponse:
        seen.append(request.rel_url.raw_query_string)
        if request.headers.get("Authorization") != "Bearer of-the-runner":
            return web.Response(status=403)
        socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await socket.prepare(request)
        message = await socket.receive_bytes()
        await socket.send_bytes(b"\x01" + message[1:])
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/api/v1/namespaces/ns/pods/p/exec", execute)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    finally:
        await runner.cleanup()


async def test_exec_goes_through_as_a_websocket() -> None:
    async with exec_server() as (url, seen):
        for token, status in (("of-the-runner", None), ("wrong", 403)):
            async with api_client.APIClient(credentials.Credentials(url, None, lambda token=token: token)) as client:  # type: ignore[misc]
                store = cache.Cache([SOURCE])
                kinds_ = dependents.Dependents(client=client, store=store, namespaces=())
                leading = [True]
                server = proxy.Proxy(
                    proxy.ProxyOptions(),
                    client=client,
                    store=store,
                    kinds=kinds_,
                    may_write=lambda held=leading: held[0],
                )
                await server.start()
                owner = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"namespace": "ns", "name": "w"}}
                with server.session(0, WATCH, owner) as environment:
                    config = json.loads(Path(environment["K8S_AUTH_KUBECONFIG"]).read_text())
                    headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
                    address = config["clusters"][0]["cluster"]["server"] + EXEC
                    async with aiohttp.ClientSession(headers=headers) as session:
                        if status is None:
                            async with session.ws_connect(address, protocols=["v5.x", "v4.channel.k8s.io"]) as socket:
                                assert socket.protocol == "v4.channel.k8s.io"
                                await socket.send_bytes(b"\x00hello")
                                assert await socket.receive_bytes() == b"\x01hello"
                                assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
                            assert seen == ["command=echo&command=hi&stdout=true"]
                            leading[0], status = False, 503
                        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                            await session.ws_connect(address)
                        assert caught.value.status == status
                await server.stop()
