"""The proxy: the way of `kubernetes.core` tasks to the API server, a server on loopback that knows for which object a run works.

In: requests with a run's token. Out: the API server's answers, with three things added that ansible-operator adds: what a run creates gets its owner, the
kinds that it creates are watched, and reads come from the cache where it holds the answer (header `X-Cache: HIT`). Without a valid token nothing
is answered; writes are refused while this replica does not hold the lease. Called by `runner.py`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import yaml
from aiohttp import web
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from ..api import api_client, api_paths, discovery
from ..settings import watches
from ..watching import cache, cached_reads
from . import dependents, forwarding, gateway, owner_injection, proxy_sessions

LOG = logging.getLogger("runner.proxy")
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class ProxyOptions:
    """The port (0: a free one), and whether owners are put into what runs create."""

    port: int = 0
    inject_owner: bool = True


class Proxy:
    """The server and its sessions."""

    def __init__(
        self,
        options: ProxyOptions,
        *,
        client: api_client.APIClient,
        store: cache.Cache,
        kinds: dependents.Dependents,
        may_write: Callable[[], bool],
    ) -> None:
        self._options = options
        self._forwarder = forwarding.Forwarder(client=client, store=store, may_write=may_write)
        self._discovery = discovery.Discovery(client)
        self._reads = cached_reads.CachedReads(store, kinds.ready)
        self._dependents = kinds
        self._sessions = proxy_sessions.Sessions()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on loopback."""
        app = web.Application(client_max_size=gateway.BODY_LIMIT)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self._options.port).start()
        self._sessions.start(f"http://{LOOPBACK}:{self._runner.addresses[0][1]}")

    async def stop(self) -> None:
        """Stop listening; every token ends."""
        self._sessions.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def session(self, index: int, watch: watches.Watch, obj: cache.Object) -> AbstractContextManager[Any]:
        """See `proxy_sessions.Sessions.session`."""
        return self._sessions.session(index, watch, obj)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        session = self._sessions.find(request.headers.get("Authorization"))
        if session is None:
            return forwarding.status_answer(401, "Unauthorized", "use the kubeconfig of a run that is going on")
        try:
            return await self._answer(session, request)
        except errors.APIError as error:
            return forwarding.status_answer(error.status, error.reason, str(error))
        except errors.TransientError as error:
            return forwarding.status_answer(503, "ServiceUnavailable", str(error))

    async def _answer(self, session: proxy_sessions.Session, request: web.Request) -> web.StreamResponse:
        reading, query = forwarding.is_reading(request), request.rel_url.raw_query_string
        upgrade = forwarding.is_upgrade(request)
        if (not reading or upgrade) and not self._forwarder.may_write():
            return forwarding.status_answer(503, "ServiceUnavailable", forwarding.NOT_LEADING)
        if upgrade:
            return await self._forwarder.websocket(request, query=query)
        if reading and forwarding.is_stream(request):
            return await self._forwarder.stream(request, query=query)
        target = api_paths.parse(request.path)
        if target is None or not target.is_whole:
            return (await self._forwarder.send(request, query=query)).response()
        served = await self._discovery.find(target.api_version, target.plural)
        if served is None or not served.is_stored:
            return (await self._forwarder.send(request, query=query)).response()
        if request.method == "GET":
            return await self._read(session, request, target, served)
        body = await self._owned_body(session, request, target)
        answer = await self._forwarder.send(request, query=query, body=body)
        if request.method == "DELETE" and answer.status < 300 and "dryRun" not in request.query:
            self._reads.deleted(served.of_kind, namespace=target.namespace, name=target.name)
        elif body is not None and answer.status < 300:
            self._watch(session, served)
        return answer.response()

    async def _read(
        self,
        session: proxy_sessions.Session,
        request: web.Request,
        target: api_paths.Target,
        served: discovery.Served,
    ) -> web.StreamResponse:
        if served.of_kind not in session.watch.blacklist and "as=" not in request.headers.get("Accept", ""):
            found = self._reads.answer(
                served.of_kind, namespace=target.namespace, name=target.name, query=dict(request.query)
            )
            if found is not None:
                self._watch_owned(session, served, [found, *found.get("items", [])])
                return web.json_response(found, headers={"X-Cache": "HIT"})
        answer = await self._forwarder.send(request, query=request.rel_url.raw_query_string)
        if answer.status == 200 and self._is_wanted(session, served):
            self._watch_owned(session, served, forwarding.objects_in(answer.body))
        return answer.response()

    async def _owned_body(
        self, session: proxy_sessions.Session, request: web.Request, target: api_paths.Target
    ) -> bytes | None:
        """The body with the owner in it, of a request that creates; None for every other."""
        applies = request.method == "PATCH" and request.content_type == api_client.APPLY_PATCH
        if not self._options.inject_owner or not (applies or (request.method == "POST" and target.name is None)):
            return None
        try:
            obj = yaml.safe_load(await request.read()) if applies else json.loads(await request.read())
        except (ValueError, yaml.YAMLError):
            return None
        if not isinstance(obj, dict) or (applies and not await self._is_ours_to_apply(session, request)):
            return None
        return json.dumps(owner_injection.inject(obj, session.owner, namespace=target.namespace)).encode()

    async def _is_ours_to_apply(self, session: proxy_sessions.Session, request: web.Request) -> bool:
        """Whether an apply creates the object, or changes one that has this owner already.

        The owner has to be in every apply then: the API server takes away what a field manager does not repeat.
        """
        found = await self._forwarder.get(request.rel_url.raw_path)
        return found is None or owner_injection.belongs_to(found, session.owner)

    def _is_wanted(self, session: proxy_sessions.Session, served: discovery.Served) -> bool:
        return self._dependents.wanted(session.index, session.watch, served, session.owner)

    def _watch(self, session: proxy_sessions.Session, served: discovery.Served) -> None:
        if self._is_wanted(session, served):
            self._dependents.watch(session.index, served)

    def _watch_owned(
        self, session: proxy_sessions.Session, served: discovery.Served, objects: list[dict[str, Any]]
    ) -> None:
        """Watch a kind that was only read: after a restart the objects are there already."""
        if self._is_wanted(session, served) and any(
            owner_injection.belongs_to(obj, session.owner) for obj in objects if "metadata" in obj
        ):
            self._dependents.watch(session.index, served)
