"""The command line of virt-api.

In: arguments and environment. Out: `Options`. Called by `__main__.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.playvirt.core.images.runner.settings import durations


@dataclass(frozen=True, kw_only=True)
class Options:
    """What virt-api was told; durations are in seconds."""

    kubeconfig: str | None
    address: str
    health_address: str
    certificate_directory: Path
    namespace: str
    leave: float
    drain: float
    site_rule_timeout: float
    log_level: str


def parser() -> argparse.ArgumentParser:
    """The arguments; each has its meaning in `help`."""
    found = argparse.ArgumentParser(prog="virt-api", description="Judge and complete objects before they are stored.")
    add = found.add_argument
    add(
        "--kubeconfig",
        default=None,
        help="kubeconfig file (default: $KUBECONFIG outside a pod, else the service account)",
    )
    add("--address", default=":8443", help="HOST:PORT of the webhooks (default %(default)s)")
    add("--health-address", default=":8081", help="HOST:PORT of /healthz, /readyz and /metrics (default %(default)s)")
    add(
        "--certificate-directory",
        default="/etc/virt-api/certificates",
        help="where tls.crt and tls.key are; read again when they change (default %(default)s)",
    )
    add(
        "--leave",
        default="5s",
        help="go on serving so long after SIGTERM, until no requests come (default %(default)s)",
    )
    add("--drain", default="10s", help="how long requests in work may then take (default %(default)s)")
    add("--site-rule-timeout", default="1s", help="the most that one site rule may take (default %(default)s)")
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info", help="(default %(default)s)")
    return found


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """The options; what cannot be is reported on standard error, and the process ends with code 2."""
    arguments_parser = parser()
    given = arguments_parser.parse_args(arguments)
    seconds: dict[str, float] = {}
    for name in ("leave", "drain", "site_rule_timeout"):
        try:
            seconds[name] = durations.parse_duration(getattr(given, name))
        except ValueError as error:
            arguments_parser.error(f"--{name.replace('_', '-')}: {error}")
    kubeconfig = given.kubeconfig
    if kubeconfig is None and "KUBERNETES_SERVICE_HOST" not in environment:
        kubeconfig = environment.get("KUBECONFIG")
    return Options(
        kubeconfig=kubeconfig,
        address=given.address,
        health_address=given.health_address,
        certificate_directory=Path(given.certificate_directory),
        namespace=environment.get("POD_NAMESPACE", "kubevirt"),
        log_level=given.log_level,
        **seconds,
    )
