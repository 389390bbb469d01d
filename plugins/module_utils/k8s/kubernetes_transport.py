"""The transport over the `kubernetes` package: for laptops, execution environments and upstream ansible-operator.

In: kubernetes.core's connection options. Out: a function for k8s.client. The only importer of the `kubernetes` package; it is imported only when a
connection is opened, because a runner's worker does without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.k8s import options

try:
    import kubernetes
    import kubernetes.client
    import kubernetes.config
    import urllib3.exceptions
except ImportError as error:  # pragma: no cover - exercised where the package is missing
    kubernetes = None
    _IMPORT_ERROR: ImportError | None = error
else:
    _IMPORT_ERROR = None

TIMEOUT_SECONDS = 60
_opened: dict[str, Any] = {}


def _configuration(auth: Mapping[str, Any]) -> Any:
    """The package's configuration: from a host and token, from a kubeconfig, else from inside a pod."""
    configuration = kubernetes.client.Configuration()
    if not auth.get("host"):
        try:
            kubernetes.config.load_kube_config(
                config_file=auth.get("kubeconfig"), context=auth.get("context"), client_configuration=configuration
            )
        except kubernetes.config.ConfigException as error:
            if auth.get("kubeconfig") or "KUBERNETES_SERVICE_HOST" not in os.environ:
                raise errors.PermanentError(
                    f"cannot read the kubeconfig: {error}; name one in option kubeconfig or in K8S_AUTH_KUBECONFIG"
                ) from error
            kubernetes.config.load_incluster_config(client_configuration=configuration)
    for option, attribute in options.CONFIGURATION_ATTRIBUTES.items():
        if auth.get(option) is not None:
            setattr(configuration, attribute, auth[option])
    if auth.get("api_key"):
        configuration.api_key = {"authorization": f"Bearer {auth['api_key']}"}
    return configuration


def open_transport(given: Mapping[str, Any]) -> Any:
    """A transport for these options, completed from the environment; one connection pool per set of options and process.

    Raises PermanentError without the package or without a usable configuration.
    """
    if _IMPORT_ERROR is not None:
        raise errors.PermanentError(
            f"the Python package 'kubernetes' is needed here: {_IMPORT_ERROR}"
        ) from _IMPORT_ERROR
    auth = options.with_environment(given, os.environ)
    cache_key = json.dumps(auth, sort_keys=True, default=str)
    if cache_key not in _opened:
        _opened[cache_key] = kubernetes.client.ApiClient(_configuration(auth))
    api = _opened[cache_key]

    def transport(
        method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        sent.pop("X-Playvirt-Read", None)
        api.update_params_for_auth(sent, [], ["BearerToken"], path, method, body)
        content = None if body is None else json.dumps(body)
        url = api.configuration.host + path
        try:
            answer = api.rest_client.pool_manager.request(
                method, url, body=content, headers=sent, timeout=TIMEOUT_SECONDS, retries=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise errors.TransientError(f"{method} {url}: the API server does not answer: {error}") from error
        decoded = _decoded(answer.data)
        return answer.status, decoded

    return transport


def _decoded(content: bytes) -> dict[str, Any]:
    text = content.decode(errors="replace")
    try:
        decoded = json.loads(text) if text else {}
    except ValueError:
        return {"message": text[:500]}
    return decoded if isinstance(decoded, dict) else {"message": text[:500]}
