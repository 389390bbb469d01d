"""The command line of the runner.

In: arguments and environment. Out: `Options`. Called by `__main__.py`.
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import durations, engine, lease

DEFAULT_SOCKET = "/run/playvirt/runner.sock"
WATCH_LISTS = Path(__file__).parent / "watches"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the runner was told; durations are in seconds."""

    watches_file: Path
    kubeconfig: str | None
    socket: Path
    health_address: str
    services: tuple[str, ...]
    leader_elect: bool
    lease: lease.LeaseOptions
    namespace: str
    node_name: str
    watch_namespaces: tuple[str, ...]
    reconcile_period: float
    engine: str
    workers: int
    drain: float
    log_level: str


def parser() -> argparse.ArgumentParser:
    """The arguments; each has its meaning in `help`."""
    found = argparse.ArgumentParser(
        prog="playvirt-runner", description="Watch Kubernetes objects and execute Ansible roles for them."
    )
    add = found.add_argument
    add(
        "--watches-file",
        required=True,
        help="watch list: a path, or the name of one that comes with playvirt (virt-controller)",
    )
    add(
        "--kubeconfig",
        default=None,
        help="kubeconfig file (default: $KUBECONFIG outside a pod, else the service account)",
    )
    add(
        "--socket",
        default=None,
        help=f"unix socket for the plays (default: $PLAYVIRT_RUNNER_SOCKET or {DEFAULT_SOCKET})",
    )
    add("--health-address", default=":8081", help="HOST:PORT of /healthz, /readyz and /metrics (default %(default)s)")
    add(
        "--service",
        action="append",
        default=[],
        metavar="MODULE:FUNCTION",
        help="run a service in this process; repeatable",
    )
    add("--leader-elect", action="store_true", help="work only while holding the Lease")
    add("--lease-name", default="", help="name of the Lease")
    add("--lease-namespace", default="", help="namespace of the Lease (default: $POD_NAMESPACE)")
    add(
        "--lease-duration",
        default="15s",
        help="others take over when it was not renewed for so long (default %(default)s)",
    )
    add(
        "--lease-renew-deadline",
        default="10s",
        help="the holder stops when it could not renew for so long (default %(default)s)",
    )
    add("--lease-retry", default="2s", help="pause between attempts to take or renew it (default %(default)s)")
    add("--reconcile-period", default="10h", help="look at every object this often; 0 never (default %(default)s)")
    add("--engine", choices=("inline", "fork"), default="inline", help="how tasks are executed (default %(default)s)")
    add("--workers", type=int, default=0, help="plays at a time (default: two per processor of the cgroup)")
    add("--drain", default="25s", help="how long running plays may go on at the end (default %(default)s)")
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info", help="(default %(default)s)")
    return found


def watch_list(name: str) -> Path:
    """The path of a watch list, given as a path or by the name of one in `watches/`."""
    packaged = WATCH_LISTS / f"{name}.yaml"
    return packaged if "/" not in name and packaged.exists() else Path(name)


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """The options; what cannot be is reported on standard error, and the process ends with code 2."""
    arguments_parser = parser()
    given = arguments_parser.parse_args(arguments)
    namespace = environment.get("POD_NAMESPACE", "default")
    if given.leader_elect and not given.lease_name:
        arguments_parser.error("--leader-elect needs --lease-name")
    seconds: dict[str, float] = {}
    for name in ("reconcile_period", "drain", "lease_duration", "lease_renew_deadline", "lease_retry"):
        try:
            seconds[name] = durations.parse_duration(getattr(given, name))
        except ValueError as error:
            arguments_parser.error(f"--{name.replace('_', '-')}: {error}")
    if not seconds["lease_retry"] < seconds["lease_renew_deadline"] < seconds["lease_duration"]:
        arguments_parser.error("--lease-retry < --lease-renew-deadline < --lease-duration is needed")
    kubeconfig = given.kubeconfig
    if kubeconfig is None and "KUBERNETES_SERVICE_HOST" not in environment:
        kubeconfig = environment.get("KUBECONFIG")
    return Options(
        watches_file=watch_list(given.watches_file),
        kubeconfig=kubeconfig,
        socket=Path(given.socket or environment.get("PLAYVIRT_RUNNER_SOCKET") or DEFAULT_SOCKET),
        health_address=given.health_address,
        services=tuple(given.service),
        leader_elect=given.leader_elect,
        lease=lease.LeaseOptions(
            namespace=given.lease_namespace or namespace,
            name=given.lease_name,
            identity=environment.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}",
            duration=seconds["lease_duration"],
            renew_deadline=seconds["lease_renew_deadline"],
            retry=seconds["lease_retry"],
        ),
        namespace=namespace,
        node_name=environment.get("NODE_NAME", ""),
        watch_namespaces=tuple(filter(None, environment.get("WATCH_NAMESPACE", "").split(","))),
        reconcile_period=seconds["reconcile_period"],
        engine=given.engine,
        workers=given.workers or engine.default_workers(),
        drain=seconds["drain"],
        log_level=given.log_level,
    )
