"""The API client against the fake server: verbs, errors, pages, discovery."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from ansible_collections.playvirt.core.images.runner.api import api_client, credentials
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets

GADGET = kinds.Resource("example.com/v1", "Gadget", "gadgetries", namespaced=False)
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "c"}, "data": {"a": "1"}}


@asynccontextmanager
async def scene() -> AsyncIterator[tuple[kube_api.KubeAPI, api_client.APIClient]]:
    async with widgets.connected(extra_kinds=[GADGET]) as (api, client):
        yield api, client


async def test_verbs_and_their_errors() -> None:
    async with scene() as (_, client):
        created = await client.create(CONFIG)
        with pytest.raises(errors.AlreadyExists, match="POST /api/v1/namespaces/ns/configmaps: .*already exists"):
            await client.create(CONFIG)
        updated = await client.update({**created, "data": {"a": "2"}})
        with pytest.raises(errors.Conflict):
            await client.update({**created, "data": {"a": "3"}})
        patched = await client.patch(updated, {"data": {"b": "x"}})
        assert patched["data"] == {"a": "2", "b": "x"}
        operations = [{"op": "remove", "path": "/data/b"}]
        patched = await client.patch(updated, operations, content_type=api_client.JSON_PATCH)
        assert patched["data"] == {"a": "2"}
        assert await client.get("v1", "ConfigMap", namespace="ns", name="c") == patched
        await client.delete(CONFIG)
        with pytest.raises(errors.NotFound):
            await client.get("v1", "ConfigMap", namespace="ns", name="c")


async def test_a_status_is_written_alone() -> None:
    async with scene() as (_, client):
        pod = await client.create(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "ns", "name": "p"}, "spec": {"a": 1}}
        )
        written = await client.update({**pod, "spec": {"a": 2}, "status": {"phase": "Running"}}, subresource="status")
        assert (written["spec"], written["status"]) == ({"a": 1}, {"phase": "Running"})
        assert written["metadata"]["generation"] == pod["metadata"]["generation"]


async def test_list_reads_every_page_with_selectors() -> None:
    async with scene() as (api, client):
        for number in range(1203):
            meta = {"namespace": "ns", "name": f"c{number:04}", "labels": {"odd": str(number % 2)}}
            api.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
        found = await client.list("v1", "ConfigMap", api_client.Selection(namespace="ns", label_selector="odd=1"))
        assert len(found) == 601
        assert {(obj["apiVersion"], obj["kind"]) for obj in found} == {("v1", "ConfigMap")}
        assert len(api.seen) == 2


async def test_kinds_outside_the_table_are_discovered_once() -> None:
    async with scene() as (api, client):
        assert await client.path("example.com/v1", "Gadget", name="g") == "/apis/example.com/v1/gadgetries/g"
        assert await client.path("example.com/v1", "Gadget", namespace="x") == "/apis/example.com/v1/gadgetries"
        assert len(api.seen) == 1
        with pytest.raises(errors.NotFound, match="does not serve example.com/v1 Widget"):
            await client.path("example.com/v1", "Widget")


async def test_a_server_that_is_away_is_a_transient_error() -> None:
    async with scene() as (api, client):
        await api.stop()
        with pytest.raises(errors.TransientError, match="GET /api/v1/nodes"):
            await client.list("v1", "Node")


async def test_every_answer_is_told_with_its_resource() -> None:
    told: list[tuple[str, str, int]] = []
    async with kube_api.KubeAPI() as api:
        access = credentials.Credentials(api.url, None, lambda: None)
        async with api_client.APIClient(access, count=lambda *one: told.append(one)) as client:
            await client.create(CONFIG)
            with pytest.raises(errors.NotFound):
                await client.get("v1", "Pod", namespace="ns", name="absent")
            await client.list("v1", "Node", api_client.Selection(label_selector="a=b"))
            await client.request(api_client.Request(method="GET", path="/api/v1/nodes?limit=1"))
            await client.request(api_client.Request(method="GET", path="/api/v1"))
    assert told == [
        ("POST", "configmaps", 201),
        ("GET", "pods", 404),
        ("GET", "nodes", 200),
        ("GET", "nodes", 200),
        ("GET", "", 200),
    ]
