"""Leader election with a Lease of coordination.k8s.io: one replica is active, the others wait.

In: the client, the lease's name and this process's identity. Out: `held()`, asked before every write, and `run()`, which returns when a lease
that was held is lost: the process ends then. A holder counts from the moment before it asked for the renewal and stops earlier than the others
may take over, so a process that was paused finds itself without the lease before it writes anything; `on_renewed` tells the zygote until when
it may live, which kills a process that is paused for longer. The election's own writes obey the same clock. Called by `runner.py`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from ..telemetry import log
from . import api_client

LOG = logging.getLogger("runner.lease")
API_VERSION, KIND = "coordination.k8s.io/v1", "Lease"


@dataclass(frozen=True, kw_only=True)
class LeaseOptions:
    """Where the Lease is, who asks, and times in seconds."""

    namespace: str
    name: str
    identity: str
    duration: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0

    @property
    def kill_after(self) -> float:
        """Seconds after the last renewal when a holder that did not stop by itself is killed: between its own deadline and the others' turn."""
        return (self.renew_deadline + self.duration) / 2


def boot_time() -> float:
    """Seconds of a clock that goes on while the process is stopped or the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Election:
    """Takes the lease, renews it, tells whether it is held."""

    def __init__(
        self,
        client: api_client.APIClient,
        options: LeaseOptions,
        *,
        clock: Callable[[], float] = boot_time,
        on_renewed: Callable[[float], None] = lambda kill_at: None,
    ) -> None:
        """`on_renewed` hears, at every renewal, of the moment of `clock` at which this process must be gone if no other follows."""
        self._client = client
        self._options = options
        self._clock = clock
        self._on_renewed = on_renewed
        self._renewed_at: float | None = None
        self._seen: tuple[Any, Any] | None = None
        self._seen_at = 0.0
        self.acquired = asyncio.Event()

    def held(self) -> bool:
        """Whether this process may write now."""
        return self._renewed_at is not None and self._clock() - self._renewed_at < self._options.renew_deadline

    async def run(self) -> None:
        """Wait for the lease, then renew it; returns when it is lost."""
        while not await self._attempt():
            await asyncio.sleep(self._options.retry * random.uniform(0.6, 1.0))
        LOG.info("leading", extra=log.fields(lease=self._options.name, identity=self._options.identity))
        self.acquired.set()
        while self.held():
            await asyncio.sleep(min(self._options.retry, self._options.renew_deadline / 4))
            if not self.held():
                break
            if not await self._attempt() and self._renewed_at is None:
                break
        LOG.error("the lease is lost", extra=log.fields(lease=self._options.name, identity=self._options.identity))

    async def _attempt(self) -> bool:
        """Try once to take or renew; True when it is ours. A failed renewal leaves `held` to its clock."""
        try:
            async with asyncio.timeout(self._options.renew_deadline / 2):
                return await self._take_or_renew()
        except (errors.APIError, errors.TransientError, TimeoutError) as error:
            report = LOG.debug if isinstance(error, errors.Conflict | errors.AlreadyExists) else LOG.warning
            report("lease not renewed", extra=log.fields(lease=self._options.name, error=str(error) or "timeout"))
            return False

    async def _take_or_renew(self) -> bool:
        asked_at, options = self._clock(), self._options
        try:
            lease = await self._client.get(API_VERSION, KIND, namespace=options.namespace, name=options.name)
        except errors.NotFound:
            meta = {"namespace": options.namespace, "name": options.name}
            new = {"apiVersion": API_VERSION, "kind": KIND, "metadata": meta, "spec": self._spec({}, asked_at)}
            await self._write("POST", new, asked_at)
            return True
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder and holder != options.identity and not self._expired(spec, asked_at):
            self._renewed_at = None
            return False
        await self._write("PUT", {**lease, "spec": self._spec(spec, asked_at)}, asked_at)
        return True

    async def _write(self, method: str, lease: dict[str, Any], asked_at: float) -> None:
        await self._send(method, lease, asked_at)
        self._renewed_at = asked_at
        self._on_renewed(asked_at + self._options.kill_after)

    async def _send(self, method: str, lease: dict[str, Any], asked_at: float) -> None:
        """Write what was decided at `asked_at`, unless that is too long ago by now."""
        name = None if method == "POST" else self._options.name
        path = await self._client.path(API_VERSION, KIND, namespace=self._options.namespace, name=name)
        in_time = lambda: self._clock() - asked_at < self._options.renew_deadline  # noqa: E731
        await self._client.request(api_client.Request(method=method, path=path, body=lease, may_send=in_time))

    def _expired(self, spec: dict[str, Any], now: float) -> bool:
        """Whether the holder has not renewed for its whole time, measured on this machine's clock since the last change seen."""
        seen = (spec.get("holderIdentity"), spec.get("renewTime"))
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
            return False
        return now - self._seen_at > float(spec.get("leaseDurationSeconds") or self._options.duration)

    def _spec(self, old: dict[str, Any], _asked_at: float) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        same = old.get("holderIdentity") == self._options.identity
        return {
            **old,
            "holderIdentity": self._options.identity,
            "leaseDurationSeconds": round(self._options.duration),
            "acquireTime": old.get("acquireTime", now) if same else now,
            "renewTime": now,
            "leaseTransitions": int(old.get("leaseTransitions") or 0) + (0 if same or not old else 1),
        }

    async def release(self) -> None:
        """Give the lease up at the end, so that another replica takes over at once."""
        if not self.held():
            return
        options, asked_at, self._renewed_at = self._options, self._clock(), None
        try:
            lease = await self._client.get(API_VERSION, KIND, namespace=options.namespace, name=options.name)
            if lease["spec"].get("holderIdentity") == options.identity:
                spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                await self._send("PUT", {**lease, "spec": spec}, asked_at)
        except (errors.APIError, errors.TransientError) as error:
            LOG.warning("lease not released", extra=log.fields(error=str(error)))
