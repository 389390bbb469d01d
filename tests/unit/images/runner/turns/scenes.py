"""A reconciler with a real cache, queue and watcher before a fake API server; only the processes of the engine are missing, and the proxy.

In: a watch, and parts of the reconciler that are to be others. Out: a `Scene` whose loops run. Called by the tests of turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, cast

from ansible_collections.playvirt.core.images.runner import services
from ansible_collections.playvirt.core.images.runner.api import api_client
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.images.runner.settings import watches
from ansible_collections.playvirt.core.images.runner.telemetry import metrics
from ansible_collections.playvirt.core.images.runner.turns import reconciler, workqueue
from ansible_collections.playvirt.core.images.runner.watching import cache, watcher
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api, runner_engine
from ansible_collections.playvirt.core.tests.unit.images.runner import widgets

FINALIZER = "example.com/finalizer"
STATS = {"ok": 3, "changed": 1, "skipped": 2, "failures": 0, "dark": 0, "rescued": 0, "ignored": 0}
PLAIN = watches.Watch(
    name="widgets",
    api_version="example.com/v1",
    kind="Widget",
    role="widget",
    primary=(widgets.SOURCE,),
    variables={"more": True},
)
# As ansible-operator treats a kind.
WATCH = replace(PLAIN, manage_status=True, snake_case=True)
FINALIZED = replace(
    WATCH,
    finalizer=watches.Finalizer(name=FINALIZER, content=watches.Content(role="cleanup"), variables={"state": "absent"}),
)


def widget(name: str = "a", size: int = 1, **meta: Any) -> dict[str, Any]:
    """A widget whose spec has a name in camel case."""
    return widgets.widget(name, spec={"theSize": size}, **meta)


class FakeAccess:
    """Sessions as the proxy gives them: counted, closed."""

    def __init__(self) -> None:
        self.open: list[str] = []

    @contextmanager
    def session(self, index: int, watch: watches.Watch, obj: cache.Object) -> Any:
        name = obj["metadata"]["name"]
        self.open.append(name)
        try:
            yield {"K8S_AUTH_KUBECONFIG": f"/kubeconfig/{index}/{name}"}
        finally:
            self.open.remove(name)


class Scene:
    """Everything but the processes of an engine."""

    def __init__(self, api: kube_api.KubeAPI, client: api_client.APIClient, watch: watches.Watch, **parts: Any) -> None:
        self.api = api
        self.leading = True
        self.watch = watch
        self.cache = cache.Cache(watch.primary)
        self.engine = runner_engine.FakeEngine()
        self.engine.result = lambda job: engine.RunResult(ok=True, stats=STATS)
        self.access = FakeAccess()
        self.metrics = metrics.Metrics()
        self.watcher = watcher.Watcher(
            client, self.cache, watch.primary[0], timing=watcher.Timing(first_delay=0.01, longest_delay=0.02)
        )
        given: dict[str, Any] = {"planners": {}, "access": self.access, **parts}
        self.reconciler = reconciler.Reconciler(
            reconciler.Parts(
                watches=(watch,),
                cache=self.cache,
                client=client,
                engine=cast(engine.Engine, self.engine),
                reader=services.CacheReader(self.cache),
                metrics=self.metrics,
                leading=lambda: self.leading,
                backoff=workqueue.Backoff(first=0.01, longest=0.02, jitter=0),
                **given,
            )
        )

    def results(self, result: str) -> float:
        """How many turns ended so."""
        labels = {"GVK": self.watch.gvk, "result": result}
        return self.metrics.registry.get_sample_value("ansible_operator_reconcile_result", labels) or 0.0

    async def ends(self, result: str, count: int = 1) -> None:
        """Wait until so many turns ended so."""
        await self.api.until(lambda: self.results(result) >= count)

    async def rests(self) -> None:
        """Wait until nothing is queued or in work any more, also after the events of the last writes have come."""
        newest = self.api.store.version
        await self.api.until(lambda: int(self.watcher._version or 0) >= newest)
        await self.api.until(lambda: not len(self.reconciler.queue) and not self.reconciler.queue.working)

    def get(self, name: str = "a") -> dict[str, Any] | None:
        """The stored widget."""
        return self.api.get("example.com/v1", "Widget", "ns", name)

    def status(self, name: str = "a") -> Any:
        """Its status, None where it has none."""
        return (self.get(name) or {}).get("status")

    def conditions(self, name: str = "a") -> dict[str, dict[str, Any]]:
        """Its conditions by type."""
        return {condition["type"]: condition for condition in (self.status(name) or {}).get("conditions") or []}

    def change(self, name: str = "a", **spec: Any) -> None:
        """Change fields of its spec."""
        found = self.get(name)
        assert found is not None
        self.api.put({**found, "spec": {**found["spec"], **spec}})

    def delete(self, name: str = "a") -> None:
        """Ask for its deletion."""
        self.api.store.delete(widgets.WIDGET, self.api.store.objects[("example.com/v1", "Widget", "ns", name)])

    def events(self) -> list[dict[str, Any]]:
        """The Events that were written."""
        return self.api.all("v1", "Event")


@asynccontextmanager
async def scene(watch: watches.Watch = WATCH, **parts: Any) -> AsyncIterator[Scene]:
    """A scene with its watcher and its reconciler at work."""
    async with widgets.connected() as (api, client):
        found = Scene(api, client, watch, **parts)
        tasks = [asyncio.create_task(found.watcher.run()), asyncio.create_task(found.reconciler.run())]
        try:
            await found.watcher.synced.wait()
            yield found
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await found.reconciler.drain(0)
