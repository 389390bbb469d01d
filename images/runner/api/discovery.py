"""Which resources the API server serves: kind, scope and verbs of a plural.

In: an apiVersion and a plural. Out: `Served`, asked for once per apiVersion and again after a while, or where the plural is not there. Called by
`proxy.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from . import api_client

FRESH_SECONDS = 600.0
RETRY_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Served:
    """A resource as the API server serves it."""

    api_version: str
    kind: str
    namespaced: bool
    verbs: frozenset[str]

    @property
    def of_kind(self) -> tuple[str, str]:
        """The kind."""
        return (self.api_version, self.kind)

    @property
    def is_stored(self) -> bool:
        """Whether there are objects of it that can be listed and watched; a review, for example, is only answered."""
        return {"list", "watch"} <= self.verbs


class Discovery:
    """What was found out so far."""

    def __init__(self, client: api_client.APIClient) -> None:
        self._client = client
        self._known: dict[str, tuple[float, Mapping[str, Served]]] = {}

    async def find(self, api_version: str, plural: str) -> Served | None:
        """The resource, or None where there is none.

        Raises TransientError or APIError where the API server does not say.
        """
        asked_at, known = self._known.get(api_version, (0.0, {}))
        age = time.monotonic() - asked_at if asked_at else FRESH_SECONDS
        if age >= (FRESH_SECONDS if plural in known else RETRY_SECONDS):
            known = await self._ask(api_version)
            self._known[api_version] = (time.monotonic(), known)
        return known.get(plural)

    async def _ask(self, api_version: str) -> Mapping[str, Served]:
        path = ("/apis/" if "/" in api_version else "/api/") + api_version
        try:
            answer = await self._client.request(api_client.Request(method="GET", path=path))
        except errors.NotFound:
            return {}
        return {
            entry["name"]: Served(
                api_version=api_version,
                kind=entry["kind"],
                namespaced=entry["namespaced"],
                verbs=frozenset(entry.get("verbs") or ()),
            )
            for entry in answer.get("resources") or []
            if "/" not in entry["name"]
        }
