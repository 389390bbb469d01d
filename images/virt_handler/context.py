"""What virt-handler's services take from the runner that starts them.

Nothing but shapes: the runner's objects fit them, and so do the fakes of the tests. Images do not import each other, so this is written down here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

import prometheus_client as prometheus

Handler = Callable[[Mapping[str, Any]], Awaitable[tuple[int, dict[str, Any]]]]


class Client(Protocol):
    """The runner's client of the API server; raises APIError and TransientError."""

    async def get(self, api_version: str, kind: str, *, namespace: str | None, name: str) -> dict[str, Any]:
        """Read one object from the API server."""
        ...

    async def patch(self, obj: Mapping[str, Any], patch: Any) -> dict[str, Any]:
        """Merge `patch` into the object that `obj` names by apiVersion, kind and metadata."""
        ...


class Reader(Protocol):
    """The runner's cache."""

    def list(
        self, api_version: str, kind: str, *, namespace: str | None = None, owner_uid: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the cached objects of a kind that match everything given."""
        ...

    def register_launchers(self, launcher: Callable[[str], dict[str, Any] | None]) -> None:
        """Answer planners' question for the launcher of a pod uid with this function."""
        ...


class Routes(Protocol):
    """The runner's gateway for plays."""

    def add_route(self, method: str, path_prefix: str, handler: Handler) -> None:
        """Have requests below a path answered by a service: (HTTP status, body)."""
        ...


class Collector(Protocol):
    """Series of Prometheus metrics."""

    def collect(self) -> Iterable[prometheus.Metric]:
        """The series as they are now."""
        ...


class Context(Protocol):
    """One runner."""

    @property
    def client(self) -> Client:
        """The runner's client."""
        ...

    @property
    def reader(self) -> Reader:
        """The runner's cache."""
        ...

    @property
    def routes(self) -> Routes:
        """The runner's gateway."""
        ...

    @property
    def node_name(self) -> str:
        """The Node that this process runs on."""
        ...

    def enqueue(self, kind: str, namespace: str, name: str, reason: str) -> None:
        """Have an object looked at soon."""
        ...

    def add_collector(self, collector: Collector, refresh: Callable[[], Awaitable[None]]) -> None:
        """Add series to /metrics; `refresh` is awaited before each scrape."""
        ...

    def add_check(self, name: str, check: Callable[[], str | None]) -> None:
        """Make the process not ready while the check returns a problem."""
        ...
