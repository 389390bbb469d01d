"""The options that only `ansible-operator run` has, and its variables of the environment: what each means here.

In: a parser. Out: the same with these options; and, of what was given, the addresses and the level of the log. What is not acted on is refused with
what to do instead. Called by `options.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOG_LEVELS = ("debug", "info", "warning", "error")
TASK_LOGS = ("tasks", "everything", "nothing")
#: where ansible-operator serves its metrics
METRICS_ADDRESS = ":8443"
#: where ansible-operator hears of the metrics of roles
USER_METRICS_PORT = 5050
SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_ZAP_LEVELS = {"debug": "debug", "info": "info", "error": "error", "panic": "error"}
_GO_TRUE, _GO_FALSE = ("true", "1", "t"), ("false", "0", "f")


def go_bool(text: str) -> bool:
    """A truth value as Go writes it; raises ArgumentTypeError."""
    if text.lower() in _GO_TRUE:
        return True
    if text.lower() in _GO_FALSE:
        return False
    raise argparse.ArgumentTypeError(f"'{text}' is not true or false")


#: an option that may stand alone: it is true then
BOOL: dict[str, Any] = {"type": go_bool, "nargs": "?", "const": True}


def _zap_level(text: str) -> str:
    if text.isdigit() and int(text) > 0:
        return "debug"
    if text not in _ZAP_LEVELS:
        known = ", ".join(_ZAP_LEVELS)
        raise argparse.ArgumentTypeError(f"'{text}' is not one of {known} or a number above 0; or use --log-level")
    return _ZAP_LEVELS[text]


class _Refused(argparse.Action):
    """An option of ansible-operator that this runner does not act on; `const` says what to do instead."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        parser.error(f"{self.option_strings[0]} is not supported: {self.const}")


def add(found: argparse.ArgumentParser) -> None:
    """Add them."""
    _add_ansible(found)
    _add_metrics(found)
    _add_logs(found)
    found.add_argument("--enable-http2", **BOOL, default=False, help="accepted; nothing here speaks HTTP/2")
    found.add_argument(
        "--leader-elect-resource-lock", choices=("leases",), help="accepted; what is held is always a Lease"
    )


def _add_ansible(found: argparse.ArgumentParser) -> None:
    add = found.add_argument
    add(
        "--max-concurrent-reconciles",
        type=int,
        default=0,
        help="runs of one kind at a time (default: no limit of its own)",
    )
    add("--ansible-verbosity", default="0", help="the number of v's that ansible is told, 0 to 7 (default %(default)s)")
    add("--ansible-roles-path", help="sets ANSIBLE_ROLES_PATH")
    add("--ansible-collections-path", help="sets ANSIBLE_COLLECTIONS_PATH")
    add("--ansible-args", default="", help="arguments for ansible: -e and -v are understood")
    add("--inject-owner-ref", **BOOL, default=True, help="created objects get their owner (default: true)")
    add("--proxy-port", type=int, default=0, help="port of the API proxy on loopback (default: a free one)")


def _add_metrics(found: argparse.ArgumentParser) -> None:
    add = found.add_argument
    add(
        "--metrics-bind-address",
        "--metrics-addr",
        help=f"one more HOST:PORT of /metrics (default: none, or {METRICS_ADDRESS} with one of the next two)",
    )
    add("--metrics-secure", **BOOL, default=False, help="serve them there with TLS, and nowhere else")
    add(
        "--metrics-require-rbac",
        **BOOL,
        default=False,
        help="serve them there to those who may get the URL /metrics, and nowhere else",
    )
    add(
        "--user-metrics-port",
        type=int,
        default=USER_METRICS_PORT,
        help="port on loopback where operator_sdk.util's own osdk_metric tells its metrics; 0 for none (default %(default)s)",
    )


def _add_logs(found: argparse.ArgumentParser) -> None:
    add = found.add_argument
    add(
        "--ansible-log-events",
        type=str.lower,
        choices=TASK_LOGS,
        default="tasks",
        help="which results of tasks are logged: changed and failed ones and messages, all, none (default %(default)s)",
    )
    add("--zap-log-level", type=_zap_level, help="the older name of --log-level: debug, info, error, or a number")
    add("--zap-devel", **BOOL, default=False, help="--log-level=debug")
    add("--zap-encoder", choices=("json",), help="accepted; logs are JSON lines")
    for name in ("stacktrace-level", "time-encoding"):
        why = "logs are JSON lines with RFC 3339 times, and errors that nobody expected have their traceback"
        add(f"--zap-{name}", action=_Refused, nargs="?", const=why, help=argparse.SUPPRESS)


def log_level(given: argparse.Namespace) -> str:
    """The level of the log: our option, else zap's, else `info`."""
    zap: str | None = given.zap_log_level or ("debug" if given.zap_devel else None)
    return str(given.log_level or zap or "info")


def metrics_address(given: argparse.Namespace) -> str:
    """HOST:PORT of the metrics' own port, empty without one."""
    if given.metrics_bind_address is None:
        return METRICS_ADDRESS if given.metrics_secure or given.metrics_require_rbac else ""
    return "" if given.metrics_bind_address == "0" else str(given.metrics_bind_address)


def shows_ansible_output(environment: Mapping[str, str]) -> bool:
    """ANSIBLE_DEBUG_LOGS: whether what ansible displays is logged without being asked for by a verbosity; raises ValueError."""
    text = environment.get("ANSIBLE_DEBUG_LOGS") or "false"
    try:
        return go_bool(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"the environment variable ANSIBLE_DEBUG_LOGS: {error}") from None


def namespace(environment: Mapping[str, str], mounted: Path = SERVICE_ACCOUNT_NAMESPACE) -> str:
    """The namespace of this process: $POD_NAMESPACE, else that of the pod's service account, else `default`."""
    if found := environment.get("POD_NAMESPACE"):
        return found
    try:
        return mounted.read_text(encoding="utf-8").strip() or "default"
    except OSError:
        return "default"
