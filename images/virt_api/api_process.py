"""The process, put together: client, cache, watchers, certificate, webhooks, server, health.

In: `Options`. Out: an exit code, after a signal (0) or when something ended that must not end (1). Called by `__main__.py`.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from ansible_collections.playvirt.core.images.runner.api import api_client, credentials
from ansible_collections.playvirt.core.images.runner.telemetry import health, log
from ansible_collections.playvirt.core.images.runner.watching import cache, watcher

from . import certificates, metrics, server, site_rule_process, surroundings, webhooks
from . import options as options_file

LOG = logging.getLogger("virt_api")


class APIProcess:
    """Owns every part; `run` returns when the process should end."""

    def __init__(self, options: options_file.Options, *, settled: Callable[[], None] = lambda: None) -> None:
        """`settled` is called once, when everything is loaded and the first request may come."""
        self._options = options
        self._settled = settled
        self._stopping = asyncio.Event()
        self._metrics = metrics.Metrics()
        self._certificates = certificates.Certificates(options.certificate_directory)
        self._rules = site_rule_process.SiteRules(
            timeout=options.site_rule_timeout, count=self._metrics.count_site_rule
        )
        self.health = health.Health(self._metrics)
        self.server: server.Server | None = None

    def stop(self) -> None:
        """Ask for the end: requests in work are waited for."""
        self._stopping.set()

    async def run(self) -> int:
        """Start everything, wait, end everything; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        found = credentials.find(self._options.kubeconfig)
        self.health.add_check("certificate", self._certificates.problem)
        await self.health.start(self._options.health_address)
        try:
            async with api_client.APIClient(found, user_agent="playvirt-virt-api") as client:
                return await self._run_with(client)
        finally:
            await self._rules.close()
            await self.health.stop()

    async def _run_with(self, client: api_client.APIClient) -> int:
        sources = surroundings.sources(self._options.namespace)
        store = cache.Cache(sources)
        cluster = surroundings.Cluster(store, client, self._options.namespace)
        watchers = [watcher.Watcher(client, store, source, count=self._metrics.count_watch) for source in sources]
        for one in watchers:
            self.health.add_check(f"watch {one.source.kind}", one.problem)
        serving = self.server = server.Server(webhooks.Webhooks(cluster, self._rules).handlers, self._metrics)
        self.health.add_check("server", serving.leaving)
        tasks = [asyncio.create_task(one.run(), name=f"watch {one.source.kind}") for one in watchers]
        tasks.append(asyncio.create_task(self._certificates.run(), name="certificate"))
        # Before presets and settings are known, nothing could be judged rightly: nobody can connect yet.
        ready = asyncio.create_task(self._prepared(watchers), name="ready")
        stop_task = asyncio.create_task(self._stopping.wait(), name="stop")
        try:
            await asyncio.wait([ready, stop_task], return_when=asyncio.FIRST_COMPLETED)
            if not self._stopping.is_set():
                ready.result()
                self._settled()
                await serving.start(self._options.address, self._certificates.context)
                LOG.info("serving", extra=log.fields(port=serving.port))
                await asyncio.wait([stop_task, *tasks], return_when=asyncio.FIRST_COMPLETED)
                LOG.info("stopping")
                await serving.leave(seconds=self._options.leave, drain=self._options.drain)
            return 0 if self._stopping.is_set() else self._ended(tasks)
        finally:
            for task in [*tasks, stop_task, ready]:
                task.cancel()
            await asyncio.gather(*tasks, stop_task, ready, return_exceptions=True)

    async def _prepared(self, watchers: list[watcher.Watcher]) -> None:
        for one in watchers:
            await one.synced.wait()
        while self._certificates.problem() is not None:
            await asyncio.sleep(0.1)

    @staticmethod
    def _ended(tasks: list[asyncio.Task[None]]) -> int:
        for task in tasks:
            if task.done() and not task.cancelled():
                LOG.error("ended", extra=log.fields(part=task.get_name(), error=str(task.exception())))
        return 1
