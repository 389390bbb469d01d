"""The API server of a benchmark, and many objects on it for as long as it runs.

In: $KUBECONFIG where it names a cluster (`make bench`: the embedded one), else nothing: a bare API server is started. Out: the path of a kubeconfig;
objects of a kind of the benchmark's own, created sixteen at a time, and removed with their kind afterwards. Called by the benchmarks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.images.runner.api import api_client, credentials
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.integration import bare_api_server

IN_FLIGHT = 16
REMOVE_SECONDS = 600
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A kind of a benchmark, version v1, without a schema."""

    group: str
    kind: str
    plural: str
    namespace: str

    @property
    def path(self) -> str:
        """Its collection in its namespace."""
        return f"/apis/{self.group}/v1/namespaces/{self.namespace}/{self.plural}"

    @property
    def crd(self) -> dict[str, Any]:
        """Its definition."""
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        names = {
            "kind": self.kind,
            "listKind": f"{self.kind}List",
            "plural": self.plural,
            "singular": self.kind.lower(),
        }
        version = {"name": "v1", "served": True, "storage": True, "schema": schema}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{self.group}"},
            "spec": {"group": self.group, "scope": "Namespaced", "names": names, "versions": [version]},
        }


@contextlib.contextmanager
def server() -> Iterator[pathlib.Path]:
    """The kubeconfig of the API server to measure on."""
    given = os.environ.get("KUBECONFIG")
    if given and pathlib.Path(given).exists():
        yield pathlib.Path(given)
        return
    print("no cluster at $KUBECONFIG; starting a bare API server", file=sys.stderr)
    with bare_api_server.running() as bare:
        yield bare.kubeconfig()


@contextlib.contextmanager
def objects(kubeconfig: pathlib.Path, resource: Resource, wanted: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """Those objects, and nothing else of their kind."""
    asyncio.run(_remove(kubeconfig, resource))
    try:
        asyncio.run(_create(kubeconfig, resource, wanted))
        yield
    finally:
        asyncio.run(_remove(kubeconfig, resource))


async def _create(kubeconfig: pathlib.Path, resource: Resource, wanted: Sequence[Mapping[str, Any]]) -> None:
    async with api_client.APIClient(credentials.find(str(kubeconfig))) as client:
        with contextlib.suppress(errors.AlreadyExists):
            await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": resource.namespace}})
        await client.request(api_client.Request(method="POST", path=CRDS, body=resource.crd))
        await _until_served(client, resource)
        waiting = iter(wanted)

        async def create() -> None:
            for obj in waiting:
                await client.request(api_client.Request(method="POST", path=resource.path, body=obj))

        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(create())


async def _until_served(client: api_client.APIClient, resource: Resource) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await client.request(api_client.Request(method="GET", path=resource.path))
                return
            except errors.APIError:
                await asyncio.sleep(0.2)


async def _delete(client: api_client.APIClient, path: str) -> None:
    """Delete; many objects take longer than the API server gives one request."""
    async with asyncio.timeout(REMOVE_SECONDS):
        while True:
            try:
                await client.request(api_client.Request(method="DELETE", path=path), seconds=REMOVE_SECONDS)
                return
            except errors.APIError as error:
                if error.status != 504:
                    raise


async def _remove(kubeconfig: pathlib.Path, resource: Resource) -> None:
    """Remove the objects, then the kind."""
    async with api_client.APIClient(credentials.find(str(kubeconfig))) as client:
        crd = f"{CRDS}/{resource.crd['metadata']['name']}"
        for path in (resource.path, crd):
            with contextlib.suppress(errors.NotFound):
                await _delete(client, path)
        async with asyncio.timeout(60):
            with contextlib.suppress(errors.NotFound):
                while True:
                    await client.request(api_client.Request(method="GET", path=crd))
                    await asyncio.sleep(0.2)
