"""The command line of the runner: its own options, and those of `ansible-operator run` under their names.

In: arguments and environment. Out: `Options`. Called by `__main__.py`.
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..api import lease
from . import ansible_arguments, durations, kind_settings, limits, operator_options

DEFAULT_SOCKET = "/run/playvirt/runner.sock"
WATCH_LISTS = Path(__file__).parents[1] / "watches"
ENGINES = ("inline", "fork", "subprocess")
_DURATIONS = ("reconcile_period", "drain", "lease_duration", "lease_renew_deadline", "lease_retry")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the runner was told; durations are in seconds.

    `metrics_secure`: with TLS; `metrics_guarded`: for those only whom RBAC allows it. `task_log` is one of `operator_options.TASK_LOGS`.
    `engine_environment` is set for the processes of the engine.
    """

    watches_file: Path
    kubeconfig: str | None
    socket: Path
    health_address: str
    metrics_address: str
    metrics_secure: bool
    metrics_guarded: bool
    user_metrics_port: int
    standby_ready: bool
    services: tuple[str, ...]
    leader_elect: bool
    lease: lease.LeaseOptions
    namespace: str
    node_name: str
    watch_namespaces: tuple[str, ...]
    reconcile_period: float
    engine: str
    workers: int
    max_concurrent: int
    verbosity: int
    inject_owner: bool
    proxy_port: int
    artifacts: Path | None
    drain: float
    log_level: str
    task_log: str
    engine_environment: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)


def parser() -> argparse.ArgumentParser:
    """The arguments; each has its meaning in `help`."""
    found = argparse.ArgumentParser(
        prog="playvirt-runner",
        description="Watch Kubernetes objects and execute Ansible roles for them. The options of `ansible-operator run` are understood.",
        allow_abbrev=False,
    )
    _add_own(found)
    _add_common(found)
    operator_options.add(found)
    return found


def _add_own(found: argparse.ArgumentParser) -> None:
    add = found.add_argument
    add("--kubeconfig", help="kubeconfig file (default: $KUBECONFIG outside a pod, else the service account)")
    add("--socket", help=f"unix socket for the plays (default: $PLAYVIRT_RUNNER_SOCKET or {DEFAULT_SOCKET})")
    add(
        "--service",
        action="append",
        default=[],
        metavar="MODULE:FUNCTION",
        help="run a service in this process; repeatable",
    )
    add("--lease-retry", default="2s", help="pause between attempts to take or renew it (default %(default)s)")
    add("--engine", choices=ENGINES, default="inline", help="how tasks are executed (default %(default)s)")
    add("--workers", type=int, default=0, help="runs at a time, of all kinds (default: what the cgroup can carry)")
    add(
        "--artifacts-directory",
        help="keep what the last runs of each object did below this directory (default: nowhere)",
    )
    add("--log-level", choices=operator_options.LOG_LEVELS, help="(default info)")
    add(
        "--standby-ready",
        **operator_options.BOOL,
        default=True,
        help="/readyz of a replica that only waits for the Lease is 200, as a rolling update wants it (default: true)",
    )


def _add_common(found: argparse.ArgumentParser) -> None:
    """What both have; ansible-operator's spelling beside our own."""
    add = found.add_argument
    add(
        "--watches-file",
        default="./watches.yaml",
        help="watch list: a path, or the name of one that comes with playvirt (default %(default)s)",
    )
    add(
        "--health-address",
        "--health-probe-bind-address",
        default=":6789",
        help="HOST:PORT of /healthz, /readyz and /metrics (default %(default)s)",
    )
    held = operator_options.BOOL
    add("--leader-elect", "--enable-leader-election", **held, default=False, help="work only while holding the Lease")
    add("--lease-name", "--leader-election-id", default="", help="name of the Lease (default: $OPERATOR_NAME)")
    add("--lease-namespace", "--leader-election-namespace", default="", help="its namespace (default: the pod's)")
    add(
        "--lease-duration",
        "--leader-elect-lease-duration",
        default="15s",
        help="others take over when it was not renewed for so long (default %(default)s)",
    )
    add(
        "--lease-renew-deadline",
        "--leader-elect-renew-deadline",
        default="10s",
        help="the holder stops when it could not renew for so long (default %(default)s)",
    )
    add(
        "--drain",
        "--graceful-shutdown-timeout",
        default="25s",
        help="how long running plays may go on at the end (default %(default)s)",
    )
    add("--reconcile-period", default="10h", help="look at every object this often; 0 never (default %(default)s)")


def watch_list(name: str) -> Path:
    """The path of a watch list, given as a path or by the name of one in `watches/`."""
    packaged = WATCH_LISTS / f"{name}.yaml"
    return packaged if "/" not in name and packaged.exists() else Path(name)


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """The options; what cannot be is reported on standard error, and the process ends with code 2."""
    arguments_parser = parser()
    given = arguments_parser.parse_args(_plain(arguments))
    given.lease_name = given.lease_name or environment.get("OPERATOR_NAME", "")
    seconds = _checked(arguments_parser, given)
    try:
        verbosity = kind_settings.check_verbosity("--ansible-verbosity", given.ansible_verbosity)
        extra = ansible_arguments.parse(given.ansible_args)
        shown = int(operator_options.shows_ansible_output(environment))
    except ValueError as error:
        arguments_parser.error(str(error))
    kubeconfig = given.kubeconfig
    if kubeconfig is None and "KUBERNETES_SERVICE_HOST" not in environment:
        kubeconfig = environment.get("KUBECONFIG")
    paths = {"ANSIBLE_ROLES_PATH": given.ansible_roles_path, "ANSIBLE_COLLECTIONS_PATH": given.ansible_collections_path}
    return Options(
        watches_file=watch_list(given.watches_file),
        kubeconfig=kubeconfig,
        socket=Path(given.socket or environment.get("PLAYVIRT_RUNNER_SOCKET") or DEFAULT_SOCKET),
        health_address=given.health_address,
        metrics_address=operator_options.metrics_address(given),
        metrics_secure=given.metrics_secure,
        metrics_guarded=given.metrics_require_rbac,
        user_metrics_port=given.user_metrics_port,
        standby_ready=given.standby_ready,
        services=tuple(given.service),
        leader_elect=given.leader_elect,
        lease=_lease(given, environment, seconds),
        namespace=operator_options.namespace(environment),
        node_name=environment.get("NODE_NAME", ""),
        watch_namespaces=tuple(filter(None, map(str.strip, environment.get("WATCH_NAMESPACE", "").split(",")))),
        reconcile_period=seconds["reconcile_period"],
        engine=given.engine,
        workers=given.workers or limits.default_runs(),
        max_concurrent=given.max_concurrent_reconciles,
        verbosity=max(verbosity + extra.verbosity, shown),
        inject_owner=given.inject_owner_ref,
        proxy_port=given.proxy_port,
        artifacts=Path(given.artifacts_directory) if given.artifacts_directory else None,
        drain=seconds["drain"],
        log_level=operator_options.log_level(given),
        task_log=given.ansible_log_events,
        engine_environment={name: value for name, value in paths.items() if value},
        variables=extra.variables,
    )


def _plain(arguments: Sequence[str]) -> list[str]:
    """Without the `run` of `ansible-operator run`, and with a value of --ansible-args that begins with a dash tied to it."""
    found = list(arguments)
    if found[:1] == ["run"]:
        del found[0]
    if "--ansible-args" in found[:-1]:
        position = found.index("--ansible-args")
        found[position : position + 2] = [f"--ansible-args={found[position + 1]}"]
    return found


def _checked(arguments_parser: argparse.ArgumentParser, given: argparse.Namespace) -> dict[str, float]:
    """The durations in seconds; ends the process where something cannot be."""
    if given.leader_elect and not given.lease_name:
        arguments_parser.error("--leader-elect needs --lease-name (or --leader-election-id)")
    if given.workers < 0 or given.max_concurrent_reconciles < 0:
        arguments_parser.error("--workers and --max-concurrent-reconciles must not be negative")
    seconds: dict[str, float] = {}
    for name in _DURATIONS:
        try:
            seconds[name] = durations.parse_duration(getattr(given, name))
        except ValueError as error:
            arguments_parser.error(f"--{name.replace('_', '-')}: {error}")
    if not seconds["lease_retry"] < seconds["lease_renew_deadline"] < seconds["lease_duration"]:
        arguments_parser.error("--lease-retry < --lease-renew-deadline < --lease-duration is needed")
    return seconds


def _lease(
    given: argparse.Namespace, environment: Mapping[str, str], seconds: Mapping[str, float]
) -> lease.LeaseOptions:
    return lease.LeaseOptions(
        namespace=given.lease_namespace or operator_options.namespace(environment),
        name=given.lease_name,
        identity=environment.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}",
        duration=seconds["lease_duration"],
        renew_deadline=seconds["lease_renew_deadline"],
        retry=seconds["lease_retry"],
    )
