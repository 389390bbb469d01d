"""Who may read the metrics where `--metrics-require-rbac` is given: who may `get` the URL /metrics in the cluster's RBAC.

In: a request with a bearer token. Out: None, or the answer that refuses it. The API server says whose the token is (TokenReview) and whether that one may
(SubjectAccessReview); what it says counts for a minute. Called by `runner.py`.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from aiohttp import web
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from ..api import api_client

SECONDS = 60.0
LIMIT = 256
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


class ScrapeGuard:
    """Asks the API server; `clock` counts seconds."""

    def __init__(self, client: api_client.APIClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    async def __call__(self, request: web.Request) -> web.Response | None:
        """401 without a token that the API server knows, 403 where its owner may not, 503 where the API server does not say."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return web.Response(status=401, text="send a bearer token\n")
        try:
            status = await self._status(token.strip(), request.path)
        except (errors.APIError, errors.TransientError) as error:
            return web.Response(status=503, text=f"who may read the metrics cannot be asked: {error}\n")
        if status == 200:
            return None
        text = "the token is not valid" if status == 401 else f"RBAC does not allow to get the URL {request.path}"
        return web.Response(status=status, text=f"{text}\n")

    async def _status(self, token: str, path: str) -> int:
        """200, 401 or 403, asked for at most once a minute."""
        digest, now = hashlib.sha256(f"{path}\n{token}".encode(errors="replace")).digest(), self._clock()
        until, status = self._known.get(digest, (0.0, 0))
        if now >= until:
            status = await self._ask(token, path)
            self._known[digest] = (now + SECONDS, status)
            self._known.move_to_end(digest)
            if len(self._known) > LIMIT:
                self._known.popitem(last=False)
        return status

    async def _ask(self, token: str, path: str) -> int:
        told = await self._review(TOKEN_REVIEWS, "authentication.k8s.io/v1", "TokenReview", {"token": token})
        if not told.get("authenticated"):
            return 401
        user = told.get("user") or {}
        who = {name: user[key] for name, key in _SUBJECT.items() if user.get(key)}
        asked = {**who, "nonResourceAttributes": {"path": path, "verb": "get"}}
        told = await self._review(ACCESS_REVIEWS, "authorization.k8s.io/v1", "SubjectAccessReview", asked)
        return 200 if told.get("allowed") else 403

    async def _review(self, path: str, api_version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        """The status of a review; it changes nothing, so a replica without the lease may ask too."""
        body = {"apiVersion": api_version, "kind": kind, "spec": spec}
        request = api_client.Request(method="POST", path=path, body=body, may_send=lambda: True)
        status: dict[str, Any] = (await self._client.request(request)).get("status") or {}
        return status


#: the names of a SubjectAccessReview -> those of a TokenReview's user
_SUBJECT = {"user": "username", "uid": "uid", "groups": "groups", "extra": "extra"}
