"""Services: loading, their context's parts, what happens when one ends."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, cast

import pytest
from ansible_collections.playvirt.core.images.runner import services
from ansible_collections.playvirt.core.images.runner.access import routes as routes_file
from ansible_collections.playvirt.core.images.runner.watching import cache
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"namespace": "ns", "name": "p", "uid": "u", "resourceVersion": "1"},
}


async def test_routes_prefer_the_longest_prefix() -> None:
    routes = routes_file.Routes()

    async def handler(request: Mapping[str, Any]) -> tuple[int, Any]:
        return 200, dict(request)

    routes.add_route("get", "/a/", handler)
    routes.add_route("GET", "/a/b/", handler)
    assert [found[0] if found else None for found in (routes.find("GET", "/a/b/c"), routes.find("GET", "/a/x"))] == [
        "/a/b/",
        "/a/",
    ]
    assert routes.find("POST", "/a/b/c") is None


def test_the_reader_reads_the_cache_and_asks_the_registered_launchers() -> None:
    source = cache.Source(api_version="v1", kind="Pod")
    store = cache.Cache([source])
    store.apply(source, "ADDED", dict(POD))
    reader = services.CacheReader(store)
    assert (reader.get("v1", "Pod", "ns", "p") or {})["metadata"]["uid"] == "u"
    assert len(reader.list("v1", "Pod", namespace="ns")) == 1
    assert reader.launcher("u") is None
    reader.register_launchers({"u": {"pid": 7}}.get)
    assert reader.launcher("u") == {"pid": 7}


async def test_a_service_that_ends_or_fails_is_an_error() -> None:
    async def ends(context: services.ServiceContext) -> None:
        return None

    async def fails(context: services.ServiceContext) -> None:
        raise ValueError("broken")

    context = cast(services.ServiceContext, types.SimpleNamespace())
    with pytest.raises(errors.PermanentError, match="service m:ends ended"):
        await services.run("m:ends", ends, context)
    with pytest.raises(errors.PermanentError, match="service m:fails failed: broken"):
        await services.run("m:fails", fails, context)


@pytest.mark.parametrize("reference", ["json:absent", "absent_module:x", "json"])
def test_load_explains_what_it_cannot_find(reference: str) -> None:
    with pytest.raises(errors.PermanentError, match="write MODULE:FUNCTION"):
        services.load(reference)
