"""Paths on the gateway's socket that services answer.

In: a method, a prefix and a handler. Out: the handler for a request. Filled by services (`services.py`), asked by `gateway.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# {"method", "path", "rest" (the path below the prefix), "query": {...}, "body": decoded JSON or None} -> (status, JSON-able answer)
RouteHandler = Callable[[Mapping[str, Any]], Awaitable[tuple[int, Any]]]


@dataclass
class Routes:
    """Paths on the gateway's socket that services answer."""

    handlers: dict[tuple[str, str], RouteHandler] = field(default_factory=dict)

    def add_route(self, method: str, path_prefix: str, handler: RouteHandler) -> None:
        """Answer `method` on every path that starts with the prefix."""
        self.handlers[(method.upper(), path_prefix)] = handler

    def find(self, method: str, path: str) -> tuple[str, RouteHandler] | None:
        """The longest prefix that fits, with its handler."""
        found = [
            (prefix, handler)
            for (known, prefix), handler in self.handlers.items()
            if known == method and path.startswith(prefix)
        ]
        return max(found, key=lambda item: len(item[0]), default=None)
