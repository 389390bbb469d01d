"""What virt-api knows of the cluster when it judges an object.

In: the cache (KubeVirts and presets, watched) and the client. Out: Settings, and the Surroundings of a review. An instance and its migrations are asked for
when a migration is posted, since a cache could not know what was made a moment ago; that is rare, and everything else costs no request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.images.runner.api import api_client
from ansible_collections.playvirt.core.images.runner.watching import cache
from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    request,
    review,
    settings,
    validate_virtualmachineinstancemigration,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds

PRESET, KUBEVIRT, MIGRATION = "VirtualMachineInstancePreset", "KubeVirt", "VirtualMachineInstanceMigration"
_WITH_PRESETS = ("VirtualMachine", "VirtualMachineInstance", "VirtualMachineInstanceReplicaSet")
#: the API server waits 10 s for the whole answer
LOOKUP_SECONDS = 4.0


def sources(namespace: str) -> tuple[cache.Source, ...]:
    """What is watched."""
    return (
        cache.Source(api_version=kinds.KUBEVIRT, kind=KUBEVIRT, namespace=namespace),
        cache.Source(api_version=kinds.KUBEVIRT, kind=PRESET),
    )


class Cluster:
    """The installation in one namespace, as the cache and the API server tell it."""

    def __init__(self, store: cache.Cache, client: api_client.APIClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._presets: dict[str, dict[str, cache.Object]] = {}
        self._kubevirts: dict[str, cache.Object] = {}
        self._settings = settings.of_kubevirt(None)
        store.subscribe(self._take)

    def _take(self, change: cache.Change) -> None:
        namespace, name = change.key
        if change.kind[1] == PRESET:
            if change.new is None:
                self._presets.get(namespace, {}).pop(name, None)
            else:
                self._presets.setdefault(namespace, {})[name] = change.new
        elif change.kind[1] == KUBEVIRT:
            if change.new is None:
                self._kubevirts.pop(name, None)
            else:
                self._kubevirts[name] = change.new
            oldest = min(
                self._kubevirts.values(), key=lambda obj: obj["metadata"].get("creationTimestamp", ""), default=None
            )
            self._settings = settings.of_kubevirt(oldest)

    def settings(self) -> settings.Settings:
        """The settings of the installation as of now."""
        return self._settings

    async def around(self, asked: review.Review) -> request.Surroundings:
        """What lies around the object of a review; raises TransientError or APIError where the API server does not tell."""
        if asked.kind in _WITH_PRESETS:
            return request.Surroundings(presets=list(self._presets.get(asked.namespace, {}).values()))
        if asked.kind == MIGRATION and asked.operation == "CREATE":
            return await self._of_migration(asked.namespace, asked.obj)
        return request.Surroundings()

    async def _of_migration(self, namespace: str, migration: Mapping[str, Any]) -> request.Surroundings:
        name = validate_virtualmachineinstancemigration.instance_name(migration)
        if not name or not namespace:
            return request.Surroundings()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                vmi, migrations = await asyncio.gather(
                    self._instance(namespace, name),
                    self._client.list(kinds.KUBEVIRT, MIGRATION, api_client.Selection(namespace=namespace)),
                )
        except TimeoutError as error:
            raise errors.TransientError(f"the API server did not tell of VMI {namespace}/{name} in time") from error
        return request.Surroundings(vmi=vmi, migrations=migrations)

    async def _instance(self, namespace: str, name: str) -> dict[str, Any] | None:
        try:
            return await self._client.get(kinds.KUBEVIRT, "VirtualMachineInstance", namespace=namespace, name=name)
        except errors.NotFound:
            return None
