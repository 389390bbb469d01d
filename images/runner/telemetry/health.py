"""/healthz, /readyz and /metrics on one port.

In: named checks, functions that return None or what is wrong. Out: 200 or 503 with one line per check. /healthz asks those whose failure only a
restart cures, /readyz all of them; a replica that only waits for the lease says "standby", which counts as ready where the process was told so.
/healthz/NAME and /readyz/NAME ask one check, `ping` says that the process answers. Called by the runner and by virt-api.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from . import exposition

Check = Callable[[], str | None]
#: the check that fails on a replica which waits for the lease
LEADER = "leader"


def _answers() -> str | None:
    """The check of a process that answers at all."""
    return None


class Health:
    """The checks and the server."""

    def __init__(self, metrics: exposition.Exposition | None, *, standby_ready: bool = False) -> None:
        """Without `metrics` there is no /metrics here; `standby_ready`: a replica that only waits for the lease is ready."""
        self._metrics = metrics
        self._standby_status = 200 if standby_ready else 503
        self._live: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0

    def add_live(self, name: str, check: Check) -> None:
        """A check for both /healthz and /readyz."""
        self._live[name] = check
        self._ready[name] = check

    def add_check(self, name: str, check: Check) -> None:
        """A check for /readyz."""
        self._ready[name] = check

    def _answer(self, checks: dict[str, Check], only: str | None) -> web.Response:
        if only is not None:
            asked = {**dict.fromkeys(("ping", "healthz", "readyz"), _answers), **checks}
            if only not in asked:
                return web.Response(status=404, text=f"{only}: there is no such check\n")
            checks = {only: asked[only]}
        problems = {name: problem for name, check in checks.items() if (problem := check()) is not None}
        if list(problems) == [LEADER]:
            return web.Response(status=self._standby_status, text="standby\n")
        lines = [f"{name}: {problems.get(name, 'ok')}" for name in checks]
        return web.Response(status=503 if problems else 200, text="\n".join(lines) + "\n")

    async def _healthz(self, request: web.Request) -> web.Response:
        return self._answer(self._live, request.match_info.get("name"))

    async def _readyz(self, request: web.Request) -> web.Response:
        return self._answer(self._ready, request.match_info.get("name"))

    async def start(self, address: str) -> None:
        """Listen on `HOST:PORT` (`:8081` is every address; port 0 takes a free one)."""
        host, _, port = address.rpartition(":")
        app = web.Application()
        for path, answer in (("/healthz", self._healthz), ("/readyz", self._readyz)):
            app.add_routes([web.get(path, answer), web.get(path + "/{name}", answer)])
        if self._metrics is not None:
            app.add_routes([web.get("/metrics", exposition.handler(self._metrics))])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host or None, int(port))
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
