"""How much a guest gets: virtual CPUs and memory, as a VMI's spec says.

The pod that is scheduled and the domain that is defined must agree on these numbers, so both ask here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, quantity


def virtual_cpus(spec: Mapping[str, Any]) -> int:
    """The number of virtual CPUs: sockets x cores x threads, or what the CPU limit or request says, or 1."""
    cpu = spec["domain"].get("cpu") or {}
    if any(cpu.get(part) for part in ("sockets", "cores", "threads")):
        return int(cpu.get("sockets", 1)) * int(cpu.get("cores", 1)) * int(cpu.get("threads", 1))
    asked = spec["domain"].get("resources") or {}
    amount = (asked.get("limits") or {}).get("cpu") or (asked.get("requests") or {}).get("cpu")
    return max(1, math.ceil(quantity.parse(amount, field="spec.domain.resources.requests.cpu"))) if amount else 1


def guest_memory_bytes(spec: Mapping[str, Any]) -> int:
    """The guest's memory: memory.guest, else requests.memory, else limits.memory.

    Raises InvalidObject where none of them is set, or the value is no quantity or below 1M.
    """
    domain = spec["domain"]
    asked = domain.get("resources") or {}
    for path, amount in (
        ("spec.domain.memory.guest", (domain.get("memory") or {}).get("guest")),
        ("spec.domain.resources.requests.memory", (asked.get("requests") or {}).get("memory")),
        ("spec.domain.resources.limits.memory", (asked.get("limits") or {}).get("memory")),
    ):
        if amount is not None:
            size = quantity.parse_bytes(amount, field=path)
            if size < 10**6:
                raise errors.InvalidObject(f"{path} '{amount}': must be greater than or equal to 1M.", field=path)
            return size
    raise errors.InvalidObject(
        "no memory requested, at least one of 'spec.domain.memory.guest', 'spec.domain.memory.hugepages.pageSize' or"
        " 'spec.domain.resources.requests.memory' must be set",
        field="spec.domain.memory.guest",
    )
