"""Where the API server is and how this process proves who it is: a kubeconfig file, or the service account of the pod.

In: the path of a kubeconfig (or none) and the files that Kubernetes mounts into a pod. Out: `Credentials`: the server's URL, a TLS context and a
function that gives the current bearer token (service account tokens are rotated, so the file is read again). Called by `__main__.py`.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS = 60.0


@dataclass(frozen=True)
class Credentials:
    """The API server's URL, the TLS context (None for plain http) and the bearer token of the moment (None without one)."""

    server: str
    tls: ssl.SSLContext | None
    token: Callable[[], str | None]


def find(kubeconfig: str | None) -> Credentials:
    """The credentials from `kubeconfig`, else from the pod's service account.

    Raises PermanentError where there are none.
    """
    if kubeconfig:
        return from_kubeconfig(Path(kubeconfig))
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return from_service_account(SERVICE_ACCOUNT, os.environ)
    raise errors.PermanentError("no credentials: run in a pod, or name a kubeconfig with --kubeconfig or KUBECONFIG")


def from_service_account(directory: Path, environment: Mapping[str, str]) -> Credentials:
    """The credentials that Kubernetes mounts into a pod."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    if ":" in host:
        host = f"[{host}]"
    tls = ssl.create_default_context(cafile=str(directory / "ca.crt"))
    return Credentials(f"https://{host}:{port}", tls, _token_from_file(directory / "token"))


def _token_from_file(path: Path) -> Callable[[], str | None]:
    read_at, token = 0.0, ""

    def current() -> str | None:
        nonlocal read_at, token
        if not token or time.monotonic() - read_at > TOKEN_SECONDS:
            token, read_at = path.read_text(encoding="utf-8").strip(), time.monotonic()
        return token

    return current


def _named(config: Mapping[str, Any], collection: str, name: str, path: Path) -> Mapping[str, Any]:
    for entry in config.get(collection) or []:
        if entry.get("name") == name:
            found: Mapping[str, Any] = entry.get(collection.removesuffix("s")) or {}
            return found
    raise errors.PermanentError(
        f"{path}: {collection} has no entry '{name}'; set current-context to one that is complete"
    )


def from_kubeconfig(path: Path) -> Credentials:
    """The credentials of the current context of a kubeconfig file: client certificate, token or token file.

    Raises PermanentError for a file that cannot be used, with the reason.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise errors.PermanentError(f"kubeconfig {path}: {error}") from error
    if not isinstance(config, Mapping) or not config.get("current-context"):
        raise errors.PermanentError(
            f"kubeconfig {path}: no current-context; choose one with `kubectl config use-context`"
        )
    context = _named(config, "contexts", config["current-context"], path)
    cluster = _named(config, "clusters", str(context.get("cluster")), path)
    user = _named(config, "users", str(context.get("user")), path)
    for unsupported in ("exec", "auth-provider", "username"):
        if user.get(unsupported):
            raise errors.PermanentError(
                f"kubeconfig {path}: the user's '{unsupported}' is not supported; use a token or a certificate"
            )
    token: Callable[[], str | None] = lambda: None  # noqa: E731
    if user.get("tokenFile"):
        token = _token_from_file(path.parent / user["tokenFile"])
    elif user.get("token"):
        token = lambda: str(user["token"])  # noqa: E731
    server = str(cluster["server"]).rstrip("/")
    return Credentials(server, _tls(cluster, user, path) if server.startswith("https:") else None, token)


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], path: Path) -> ssl.SSLContext:
    try:
        tls = ssl.create_default_context(cadata=_text(cluster, "certificate-authority", path))
        if cluster.get("insecure-skip-tls-verify"):
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        certificate, key = _text(user, "client-certificate", path), _text(user, "client-key", path)
        if certificate and key:
            # the ssl module reads a client certificate only from a file
            with tempfile.NamedTemporaryFile("w", encoding="utf-8") as chain:
                chain.write(f"{certificate}\n{key}\n")
                chain.flush()
                tls.load_cert_chain(chain.name)
    except (OSError, ssl.SSLError, binascii.Error) as error:
        raise errors.PermanentError(f"kubeconfig {path}: certificates: {error}") from error
    return tls


def _text(entry: Mapping[str, Any], field: str, path: Path) -> str | None:
    if entry.get(f"{field}-data"):
        return base64.b64decode(str(entry[f"{field}-data"])).decode()
    if entry.get(field):
        return (path.parent / str(entry[field])).read_text(encoding="utf-8")
    return None
