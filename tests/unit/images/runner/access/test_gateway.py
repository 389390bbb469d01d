"""The gateway over its real unix socket, with the client that plays use: passing on, cache reads, read-your-writes, fencing, services."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.access import gateway, routes
from ansible_collections.playvirt.core.images.runner.watching import cache
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.k8s import gateway as gateway_client
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets

WIDGET, SOURCE = widgets.WIDGET, widgets.SOURCE
WIDGETS = "/apis/example.com/v1/namespaces/ns/widgets"
CACHED = {"X-Playvirt-Read": "cache"}


def widget(name: str, size: int = 1, **meta: Any) -> dict[str, Any]:
    meta = {"namespace": "ns", "name": name, **meta}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta, "spec": {"size": size}}


class Scene:
    """A gateway before a fake API server."""

    def __init__(self, api: kube_api.KubeAPI, source: cache.Source) -> None:
        self.api = api
        self.cache = cache.Cache([source])
        self.routes = routes.Routes()
        self.leading = True

    async def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """One request as a play makes it: from another thread, over the socket."""
        return await asyncio.to_thread(gateway_client.request, method, path, body, headers)

    def reads(self) -> int:
        return len([seen for seen in self.api.seen if seen.method == "GET"])


@asynccontextmanager
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: cache.Source = SOURCE) -> AsyncIterator[Scene]:
    path = tmp_path / "run" / "runner.sock"
    monkeypatch.setenv("PLAYVIRT_RUNNER_SOCKET", str(path))
    async with widgets.connected() as (api, client):
        found = Scene(api, source)
        server = gateway.Gateway(client=client, store=found.cache, routes=found.routes, may_write=lambda: found.leading)
        server.know(WIDGET)
        await server.start(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        try:
            yield found
        finally:
            await server.stop()


async def test_requests_and_errors_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path, monkeypatch) as s:
        assert (await s.ask("POST", WIDGETS, widget("a")))[0] == 201
        status, answer = await s.ask("POST", WIDGETS, widget("a"))
        assert (status, answer["reason"]) == (409, "AlreadyExists")
        status, answer = await s.ask("PUT", WIDGETS + "/a/status", {**widget("a"), "status": {"x": 1}})
        assert (status, answer["status"]) == (200, {"x": 1})
        patch = {"spec": {"size": 9}}
        headers = {"Content-Type": "application/merge-patch+json"}
        assert (await s.ask("PATCH", WIDGETS + "/a", patch, headers))[1]["spec"] == {"size": 9}
        status, answer = await s.ask("GET", WIDGETS + "?labelSelector=a%3Db")
        assert (status, answer["items"]) == (200, [])
        assert s.api.seen[-1].query == {"labelSelector": "a=b"}
        assert (await s.ask("GET", WIDGETS + "/absent"))[1]["reason"] == "NotFound"
        assert (await s.ask("DELETE", WIDGETS + "/a"))[0] == 200


async def test_what_a_play_wrote_is_read_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path, monkeypatch) as s:
        assert (await s.ask("GET", WIDGETS + "/a", headers=CACHED))[0] == 404, "what the cache lacks is asked for"
        assert s.reads() == 1
        await s.ask("POST", WIDGETS, widget("a"))
        await s.ask("PUT", WIDGETS + "/a", widget("a", 2))
        assert (await s.ask("GET", WIDGETS + "/a", headers=CACHED))[1]["spec"] == {"size": 2}
        assert s.reads() == 1
        assert (await s.ask("GET", WIDGETS + "/a"))[1]["spec"] == {"size": 2}
        assert s.reads() == 2


async def test_lists_come_from_the_cache_where_it_can_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path, monkeypatch) as s:
        owner = [{"uid": "owner-1", "kind": "VM", "name": "vm", "apiVersion": "v1"}]
        for obj in (widget("a", labels={"app": "web"}, ownerReferences=owner), widget("b", labels={"app": "web"})):
            s.cache.written(s.api.put(obj))

        async def names(query: str, headers: Mapping[str, str] | None = CACHED) -> list[str]:
            _, answer = await s.ask("GET", WIDGETS + query, headers=headers)
            return [item["metadata"]["name"] for item in answer["items"]]

        assert await names("") == ["a", "b"]
        assert await names("?labelSelector=app%3Dweb&ownerUID=owner-1") == ["a"]
        assert await names("?ownerUID=nobody") == []
        assert s.reads() == 0
        assert await names("?labelSelector=app%20in%20(web)") == []  # the fake server knows no sets, but it was asked
        assert await names("?fieldSelector=spec.size%3D1") == ["a", "b"]
        assert s.reads() == 2
        assert await names("?ownerUID=owner-1", headers=None) == ["a"], "the API server's answer is filtered"


async def test_writes_are_refused_without_the_lease_and_reads_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path, monkeypatch) as s:
        s.leading = False
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            status, answer = await s.ask(method, WIDGETS + "/a", widget("a"))
            assert status == 503
            assert "does not hold the lease" in answer["message"]
        assert s.api.writes() == []
        assert (await s.ask("GET", WIDGETS))[0] == 200


async def test_an_api_server_that_is_away_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path, monkeypatch) as s:
        await s.api.stop()
        status, answer = await s.ask("GET", WIDGETS)
        assert (status, answer["reason"]) == (503, "ServiceUnavailable")


async def test_services_answer_their_routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def launcher(request: Mapping[str, Any]) -> tuple[int, Any]:
        if request["rest"] == "bad":
            raise errors.PermanentError("that cannot be")
        if request["rest"] == "bug":
            raise KeyError("x")
        return 200, {"rest": request["rest"], "body": request["body"], "query": request["query"]}

    async with scene(tmp_path, monkeypatch) as s:
        s.routes.add_route("POST", "/launchers/", launcher)
        asked = await s.ask("POST", "/launchers/uid/make_disks?a=b", {"disks": []})
        assert asked == (200, {"rest": "uid/make_disks", "body": {"disks": []}, "query": {"a": "b"}})
        assert await s.ask("POST", "/launchers/bad") == (422, {"message": "that cannot be"})
        assert (await s.ask("POST", "/launchers/bug"))[0] == 500
        assert (await s.ask("GET", "/launchers/uid"))[0] == 404
        assert (await s.ask("GET", "/elsewhere"))[0] == 404


async def test_a_watch_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path, monkeypatch) as s:
        s.api.put(widget("a"))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "run" / "runner.sock"))
        writer.write(f"GET {WIDGETS}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        s.api.put(widget("a", 2))
        while b'"size": 2' not in (line := await reader.readline()):
            assert line
        event = json.loads(line)
        assert (event["type"], event["object"]["metadata"]["name"]) == ("MODIFIED", "a")
        writer.close()
        await writer.wait_closed()
        s.api.cut()


async def test_what_a_play_deleted_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path, monkeypatch) as s:
        await s.ask("POST", WIDGETS, widget("a"))
        await s.ask("POST", WIDGETS, widget("held", finalizers=["example.com/x"]))
        for name in ("a", "held"):
            assert (await s.ask("DELETE", f"{WIDGETS}/{name}"))[0] == 200
        _, listed = await s.ask("GET", WIDGETS, headers=CACHED)
        assert [item["metadata"]["name"] for item in listed["items"]] == ["held"]
        _, held = await s.ask("GET", WIDGETS + "/held", headers=CACHED)
        assert "deletionTimestamp" in held["metadata"]
        late = {**widget("a", uid="x"), "metadata": {**widget("a")["metadata"], "uid": "uid-1", "resourceVersion": "1"}}
        s.cache.apply(SOURCE, "MODIFIED", late)  # of an object that nobody deleted
        await s.ask("PUT", WIDGETS + "/held", {**held, "metadata": {**held["metadata"], "finalizers": []}})
        _, listed = await s.ask("GET", WIDGETS, headers=CACHED)
        assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]


@pytest.mark.parametrize("path", ["/a", "/a/status"])
async def test_after_a_conflict_the_newest_state_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async with scene(tmp_path, monkeypatch) as s:
        await s.ask("POST", WIDGETS, widget("a"))
        _, mine = await s.ask("GET", WIDGETS + "/a", headers=CACHED)
        s.api.put(widget("a", 5))  # by somebody else; the watch has not told it yet
        assert (await s.ask("PUT", WIDGETS + path, {**mine, "status": {"x": 1}}))[0] == 409
        _, newest = await s.ask("GET", WIDGETS + "/a", headers=CACHED)
        assert newest["spec"] == {"size": 5}
        assert (await s.ask("PUT", WIDGETS + path, {**newest, "status": {"x": 1}}))[0] == 200


async def test_after_a_name_was_taken_the_object_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path, monkeypatch) as s:
        s.api.put(widget("a", 7))
        assert (await s.ask("POST", WIDGETS, widget("a")))[0] == 409
        assert s.cache.sizes() == {"Widget": 1}
        s.api.fail("GET", WIDGETS, code=500, times=9)
        assert (await s.ask("POST", WIDGETS, widget("a")))[1]["reason"] == "AlreadyExists", (
            "the conflict is what counts"
        )


async def test_what_is_cached_in_part_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(
        tmp_path, monkeypatch, cache.Source(api_version="example.com/v1", kind="Widget", drop=("/spec",))
    ) as s:
        await s.ask("POST", WIDGETS, widget("a"))
        assert s.cache.sizes() == {"Widget": 1}
        assert (await s.ask("GET", WIDGETS + "/a", headers=CACHED))[1]["spec"] == {"size": 1}
