"""The process, put together: engine, cache, watchers, gateway, services, election, reconciler, health.

In: `Options` and the library's planners. Out: an exit code, after a signal (0) or when something ended that must not end (1). Called by `__main__.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import reading

from . import services
from .access import dependents, gateway, proxy, routes, scraping
from .api import api_client, credentials, lease
from .engine import engine
from .settings import options as options_file
from .settings import watches as watches_file
from .telemetry import health, log, metrics, metrics_server, queue_metrics, user_metrics, user_metrics_server
from .turns import reconciler, triggers
from .watching import cache, watcher

LOG = logging.getLogger("runner")


class Runner:
    """Owns every part; `run` returns when the process should end."""

    def __init__(self, options: options_file.Options, planners: Mapping[str, reading.Planner]) -> None:
        self._options = options
        self._planners = planners
        self._stopping = asyncio.Event()
        self._metrics = metrics.Metrics()
        alone = options.metrics_secure or options.metrics_guarded
        self.health = health.Health(None if alone else self._metrics, standby_ready=options.standby_ready)
        self.watches = watches_file.load(
            options.watches_file,
            environment={**os.environ, **options.engine_environment},
            defaults=watches_file.Defaults(
                reconcile_period=options.reconcile_period,
                namespaces=options.watch_namespaces,
                max_concurrent=options.max_concurrent,
                verbosity=options.verbosity,
                variables=options.variables,
            ),
        )
        for watch in self.watches:
            if watch.planner is not None and watch.planner not in planners:
                known = ", ".join(sorted(planners))
                raise errors.InvalidObject(f"{options.watches_file}: planner '{watch.planner}' is not one of {known}")
        self._services = [(reference, services.load(reference)) for reference in options.services]
        self._engine = engine.Engine(
            engine.EngineOptions(
                roles=watches_file.roles(self.watches),
                playbooks=watches_file.playbooks(self.watches),
                environment={"PLAYVIRT_RUNNER_SOCKET": str(options.socket), **options.engine_environment},
                engine=options.engine,
                workers=options.workers,
                artifacts=options.artifacts,
            )
        )
        self._cache = cache.Cache(watches_file.sources(self.watches))
        self._reader = services.CacheReader(self._cache)
        self._routes = routes.Routes()
        self._user_metrics = user_metrics.UserMetrics(self._metrics.registry)
        self._routes.add_route("POST", "/metrics", self._user_metrics.answer)
        self._election: lease.Election | None = None
        self._leading: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Ask for the end: running plays are waited for."""
        self._stopping.set()

    def leading(self) -> bool:
        """Whether this replica may write."""
        return not self._options.leader_elect or (self._election is not None and self._election.held())

    async def run(self) -> int:
        """Start everything, wait, end everything; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        self.health.add_live("engine", self._engine.problem)
        self.health.add_check("workers", self._engine.unready)
        self.health.add_check(health.LEADER, lambda: None if self.leading() else "another replica holds the lease")
        await self.health.start(self._options.health_address)
        found = credentials.find(self._options.kubeconfig)
        starting = asyncio.create_task(self._engine.start())
        try:
            async with api_client.APIClient(found, count=self._metrics.count_request, may_write=self.leading) as client:
                scraped, told = self._metrics_server(client), user_metrics_server.UserMetricsServer(self._user_metrics)
                await scraped.start(self._options.metrics_address)
                if self._options.user_metrics_port and any(watch.uses_proxy for watch in self.watches):
                    await told.start(self._options.user_metrics_port)
                try:
                    return await self._run_with(client, starting)
                finally:
                    await told.stop()
                    await scraped.stop()
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self._engine.close()
            await self.health.stop()

    def _metrics_server(self, client: api_client.APIClient) -> metrics_server.MetricsServer:
        tls = None
        if self._options.metrics_secure:
            from .api import self_signed  # several MiB that nobody else needs

            tls = self_signed.server_context()
        return metrics_server.MetricsServer(
            self._metrics,
            tls=tls,
            guard=scraping.ScrapeGuard(client) if self._options.metrics_guarded else None,
        )

    async def _run_with(self, client: api_client.APIClient, starting: asyncio.Task[dict[str, str]]) -> int:
        watchers = [
            watcher.Watcher(client, self._cache, source, count=self._metrics.count_watch)
            for source in watches_file.sources(self.watches)
        ]
        kinds = self._dependents(client, watchers)
        loopback = self._proxy(client, kinds)
        parts = reconciler.Parts(
            watches=self.watches,
            cache=self._cache,
            client=client,
            engine=self._engine,
            reader=self._reader,
            planners=self._planners,
            metrics=self._metrics,
            leading=self.leading,
            access=loopback,
            dynamic=kinds,
            task_log=self._options.task_log,
        )
        work = reconciler.Reconciler(parts)
        self._add_gauges(work)
        self.health.add_live("queue", work.problem)
        socket_server = gateway.Gateway(client=client, store=self._cache, routes=self._routes, may_write=self.leading)
        for one in watchers:
            self.health.add_check(f"watch {one.source.kind} {one.source.namespace or ''}".strip(), one.problem)
        await socket_server.start(self._options.socket)
        if loopback is not None:
            await loopback.start()
        tasks = [asyncio.create_task(one.run(), name=f"watch {one.source.kind}") for one in watchers]
        tasks += self._start_services(client, work)
        tasks.append(asyncio.create_task(self._know_resources(client, socket_server), name="resources"))
        work_task = asyncio.create_task(self._work(client, work, watchers, starting), name="work")
        stop_task = asyncio.create_task(self._stopping.wait(), name="stop")
        try:
            return await self._wait(work_task, stop_task, tasks)
        finally:
            work_task.cancel()
            await asyncio.gather(work_task, return_exceptions=True)
            self._engine.begin_no_more()
            await work.drain(self._options.drain if self._stopping.is_set() else 0)
            for task in [*tasks, stop_task]:
                task.cancel()
            await asyncio.gather(*tasks, stop_task, return_exceptions=True)
            await kinds.stop()
            if loopback is not None:
                await loopback.stop()
            await socket_server.stop()
            await self._end_election()

    def _dependents(self, client: api_client.APIClient, watchers: list[watcher.Watcher]) -> dependents.Dependents:
        return dependents.Dependents(
            client=client,
            store=self._cache,
            namespaces=self._options.watch_namespaces,
            watchers=watchers,
            count=self._metrics.count_watch,
        )

    def _proxy(self, client: api_client.APIClient, kinds: dependents.Dependents) -> proxy.Proxy | None:
        """The proxy, where a watch needs it."""
        if not any(watch.uses_proxy for watch in self.watches):
            return None
        given = proxy.ProxyOptions(port=self._options.proxy_port, inject_owner=self._options.inject_owner)
        return proxy.Proxy(given, client=client, store=self._cache, kinds=kinds, may_write=self.leading)

    async def _end_election(self) -> None:
        """Renewed until here, so that plays that were waited for could write."""
        if self._leading is not None:
            self._leading.cancel()
            await asyncio.gather(self._leading, return_exceptions=True)
        if self._election is not None:
            await self._election.release()

    def _add_gauges(self, work: reconciler.Reconciler) -> None:
        limits = {
            work.controller_of(triggers.ObjectKey(index, "", "")): watch.max_concurrent or self._options.workers
            for index, watch in enumerate(self.watches)
        }
        loop = asyncio.get_running_loop()
        self._metrics.queue.watch(queue_metrics.Watched(work.queue, work.controller_of, limits, loop.time))
        self._metrics.gauge("playvirt_runner_plays_running", "Plays in work.", lambda: self._engine.busy)
        self._metrics.gauge(
            "playvirt_runner_workers_replaced", "Workers that were replaced.", lambda: self._engine.replaced
        )
        self._metrics.gauge(
            "leader_election_master_status",
            "1 while this replica leads.",
            lambda: int(self.leading()),
            name=self._options.lease.name,
        )

    def _start_services(self, client: api_client.APIClient, work: reconciler.Reconciler) -> list[asyncio.Task[None]]:
        context = services.ServiceContext(
            routes=self._routes,
            enqueue=work.enqueue,
            reader=self._reader,
            client=client,
            namespace=self._options.namespace,
            node_name=self._options.node_name,
            add_check=self.health.add_check,
            add_collector=self._metrics.add_collector,
            leading=self.leading,
        )
        return [
            asyncio.create_task(services.run(reference, service, context), name=f"service {reference}")
            for reference, service in self._services
        ]

    async def _know_resources(self, client: api_client.APIClient, socket_server: gateway.Gateway) -> None:
        """Teach the gateway the paths of the watched kinds, as soon as the API server serves them; ends never."""
        for source in watches_file.sources(self.watches):
            while True:
                try:
                    socket_server.know(await client.resource(source.api_version, source.kind))
                    break
                except (errors.APIError, errors.TransientError):
                    await asyncio.sleep(1)
        await asyncio.Event().wait()

    async def _work(
        self,
        client: api_client.APIClient,
        work: reconciler.Reconciler,
        watchers: list[watcher.Watcher],
        starting: asyncio.Task[dict[str, str]],
    ) -> None:
        """Reconcile while leading; returns when the lease is lost.

        Raises PermanentError for a role that cannot be loaded.
        """
        broken = await starting
        if broken:
            text = "; ".join(f"{role}: {reason}" for role, reason in broken.items())
            raise errors.PermanentError(f"{self._options.watches_file}: roles that cannot be loaded: {text}")
        if self._options.leader_elect:
            self._election = lease.Election(client, self._options.lease, on_renewed=self._engine.live_until)
            self._leading = asyncio.create_task(self._election.run())
        await asyncio.gather(*(one.synced.wait() for one in watchers))
        if self._election is not None:
            await self._election.acquired.wait()
        working = asyncio.create_task(work.run())
        try:
            await asyncio.wait([task for task in (working, self._leading) if task], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            working.cancel()

    async def _wait(
        self, work_task: asyncio.Task[None], stop_task: asyncio.Task[bool], tasks: list[asyncio.Task[None]]
    ) -> int:
        done, _ = await asyncio.wait([work_task, stop_task, *tasks], return_when=asyncio.FIRST_COMPLETED)
        if stop_task in done:
            LOG.info("stopping")
            return 0
        for task in done:
            reason = task.exception() if not task.cancelled() else None
            told = log.fields(part=task.get_name(), error=str(reason) if reason else "the lease was lost")
            LOG.error("ended", exc_info=None if isinstance(reason, errors.PlayvirtError) else reason, extra=told)
        return 1
