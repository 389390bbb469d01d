"""What the environment says about one watched kind, under ansible-operator's names.

In: group, kind, environment. Out: numbers, checked. `MAX_CONCURRENT_RECONCILES_<KIND>_<GROUP>` (older: `WORKER_<KIND>_<GROUP>`) and
`ANSIBLE_VERBOSITY_<KIND>_<GROUP>`, in capitals with `_` for the dots of the group; they win over the command line. Pure. Called by `watches.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

VERBOSITIES = range(8)


def max_concurrent(group: str, kind: str, environment: Mapping[str, str], default: int) -> int:
    """How many runs of the kind at a time; 0 means no limit of its own.

    Raises ValueError that names the variable.
    """
    for prefix in ("MAX_CONCURRENT_RECONCILES", "WORKER"):
        name = _variable(prefix, group, kind)
        if text := environment.get(name):
            found = _number(name, text)
            if found < 1:
                raise ValueError(f"the environment variable {name}: '{text}' must be at least 1")
            return found
    return default


def verbosity(group: str, kind: str, environment: Mapping[str, str], default: int) -> int:
    """The number of v's that ansible is told for the kind.

    Raises ValueError that names the variable.
    """
    for name in (_variable("ANSIBLE_VERBOSITY", group, kind), "ANSIBLE_VERBOSITY"):
        if text := environment.get(name):
            return check_verbosity(f"the environment variable {name}", text)
    return default


def gathers_facts(environment: Mapping[str, str]) -> bool:
    """Whether plays of roles begin with gathering facts: where ANSIBLE_GATHERING asks for it, since it takes more than a second each time."""
    return environment.get("ANSIBLE_GATHERING", "explicit") != "explicit"


def check_verbosity(where: str, text: str) -> int:
    """A verbosity from 0 to 7; raises ValueError that names `where`."""
    found = _number(where, text)
    if found not in VERBOSITIES:
        raise ValueError(f"{where}: '{text}' is not a number from {VERBOSITIES[0]} to {VERBOSITIES[-1]}")
    return found


def _variable(prefix: str, group: str, kind: str) -> str:
    return f"{prefix}_{kind}_{group}".replace(".", "_").upper()


def _number(where: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{where}: '{text}' is not a number") from None
