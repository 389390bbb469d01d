"""A kind of its own for tests of the runner, and a client that is connected to a fake API server which serves it.

In: nothing, or what the fake server is to be. Out: the server and the client. Called by the tests of every room that talks to an API server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from ansible_collections.playvirt.core.images.runner.api import api_client, credentials
from ansible_collections.playvirt.core.images.runner.watching import cache
from ansible_collections.playvirt.core.plugins.module_utils.api import kinds
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api

WIDGET = kinds.Resource("example.com/v1", "Widget", "widgets")
SOURCE = cache.Source(api_version="example.com/v1", kind="Widget")


def widget(name: str = "a", *, spec: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    """A widget of the namespace ns."""
    meta = {"namespace": "ns", "name": name, **meta}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta, "spec": spec or {}}


@asynccontextmanager
async def connected(
    extra_kinds: Iterable[kinds.Resource] = (WIDGET,), **server: Any
) -> AsyncIterator[tuple[kube_api.KubeAPI, api_client.APIClient]]:
    """A server (see `kube_api.KubeAPI` for what it may be told) and a client of it."""
    async with kube_api.KubeAPI(extra_kinds=extra_kinds, **server) as api:
        async with api_client.APIClient(credentials.Credentials(api.url, None, lambda: None)) as client:
            yield api, client
