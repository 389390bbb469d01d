"""Who may use the proxy: each run, with a token of its own, for as long as it takes.

In: a watch and the object of a run. Out: variables of the environment that name a kubeconfig, which only this user can read and which goes with the
run; and, for a token, the session that it belongs to. Called by `role_run.py` (through `proxy.py`) and `proxy.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..settings import watches
from ..watching import cache
from . import owner_injection

TOKEN_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Session:
    """A run that may use the proxy: the index of its watch, the watch, the object that owns what is created."""

    index: int
    watch: watches.Watch
    owner: owner_injection.Owner


class Sessions:
    """The sessions of now, and their kubeconfigs in a folder of this process."""

    def __init__(self) -> None:
        self._server = ""
        self._folder: Path | None = None
        self._open: dict[bytes, Session] = {}

    def start(self, server: str) -> None:
        """Have a folder (mode 0700) for kubeconfigs that name `server`."""
        self._server = server
        self._folder = Path(tempfile.mkdtemp(prefix="playvirt-runner-"))

    def stop(self) -> None:
        """End every session and remove the folder."""
        self._open.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def session(self, index: int, watch: watches.Watch, obj: cache.Object) -> Iterator[Mapping[str, str]]:
        """The variables for one run; its token counts inside the block only."""
        if self._folder is None:
            raise RuntimeError("the proxy was not started")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        digest = _digest(token)
        owner = owner_injection.owner_of(obj)
        path = self._folder / f"{digest.hex()[:32]}.kubeconfig"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(_kubeconfig(self._server, token, owner.namespace), file)
            self._open[digest] = Session(index=index, watch=watch, owner=owner)
            yield {"K8S_AUTH_KUBECONFIG": str(path), "KUBECONFIG": str(path)}
        finally:
            self._open.pop(digest, None)
            path.unlink(missing_ok=True)

    def find(self, authorization: str | None) -> Session | None:
        """The session of an Authorization header; None where there is none of that token (any more)."""
        scheme, _, token = (authorization or "").partition(" ")
        return self._open.get(_digest(token.strip())) if scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    """What is looked up instead of the token, so that the time it takes tells nothing about the token."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _kubeconfig(server: str, token: str, namespace: str) -> dict[str, object]:
    """A kubeconfig (JSON is YAML)."""
    name = "playvirt-runner"
    context = {"cluster": name, "user": name, "namespace": namespace or "default"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": context}],
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": token}}],
    }
