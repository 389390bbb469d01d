"""How a module is told which cluster to speak to: kubernetes.core's option names and K8S_AUTH_* variables.

The documentation twin is plugins/doc_fragments/kubernetes.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ARGUMENT_SPEC: dict[str, Any] = {
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"]},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"]},
    "client_cert": {"type": "path", "aliases": ["cert_file"]},
    "client_key": {"type": "path", "aliases": ["key_file"]},
}

#: option -> attribute of the kubernetes package's Configuration
CONFIGURATION_ATTRIBUTES = {
    "host": "host",
    "validate_certs": "verify_ssl",
    "ca_cert": "ssl_ca_cert",
    "client_cert": "cert_file",
    "client_key": "key_file",
}

_VARIABLES = {
    "kubeconfig": ("K8S_AUTH_KUBECONFIG",),
    "context": ("K8S_AUTH_CONTEXT",),
    "host": ("K8S_AUTH_HOST",),
    "api_key": ("K8S_AUTH_API_KEY",),
    "validate_certs": ("K8S_AUTH_VERIFY_SSL", "K8S_AUTH_VALIDATE_CERTS"),
    "ca_cert": ("K8S_AUTH_SSL_CA_CERT", "K8S_AUTH_CA_CERT"),
    "client_cert": ("K8S_AUTH_CERT_FILE", "K8S_AUTH_CLIENT_CERT"),
    "client_key": ("K8S_AUTH_KEY_FILE", "K8S_AUTH_CLIENT_KEY"),
}


def auth(params: Mapping[str, Any]) -> dict[str, Any]:
    """The connection options among a module's parameters, without those left out."""
    return {name: params[name] for name in ARGUMENT_SPEC if params.get(name) is not None}


def with_environment(given: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The options given, completed from K8S_AUTH_* variables; an option that is given wins."""
    result = dict(given)
    for name, variables in _VARIABLES.items():
        for variable in variables:
            if name not in result and environment.get(variable):
                text = environment[variable]
                result[name] = text.lower() not in ("0", "no", "false", "off") if name == "validate_certs" else text
    return result
