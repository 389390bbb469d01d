"""What a launcher pod asks of its node: the formula, the installation's factors, quality of service. Not here: whole pods (test_golden.py)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import quantity
from ansible_collections.playvirt.core.plugins.module_utils.pod import resources

MIB = 1024 * 1024
NONE = {"autoattachGraphicsDevice": False}


def _spec(domain: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"domain": {"devices": NONE, "memory": {"guest": "512Mi"}, **(domain or {})}, **more}


@pytest.mark.parametrize(
    ("spec", "mib"),
    [
        (_spec(), 184 + 8 + 1),
        (_spec({"devices": {}}), 184 + 8 + 1 + 32),
        (_spec({"cpu": {"cores": 4}}), 184 + 32 + 1),
        (_spec({"memory": {"guest": "8Gi"}}), 184 + 8 + 16),
        (_spec(readinessProbe={"guestAgentPing": {}}), 184 + 8 + 1 + 40),
        (_spec(readinessProbe={"exec": {}}, livenessProbe={"exec": {}}), 184 + 8 + 1 + 80),
        (_spec(readinessProbe={"tcpSocket": {"port": 1}}), 184 + 8 + 1),
    ],
)
def test_overhead(spec: dict[str, Any], mib: int) -> None:
    assert resources.overhead_bytes(spec, resources.Sizing()) == mib * MIB


def test_the_installation_can_scale_the_overhead() -> None:
    sizing = resources.sizing_of({"additionalGuestMemoryOverheadRatio": "1.5"})
    assert resources.overhead_bytes(_spec(), sizing) == 193 * MIB * Decimal("1.5")


def test_sizing_without_a_word_is_the_default() -> None:
    assert resources.sizing_of({}) == resources.Sizing(Decimal(1), 10, 100)


def test_the_installation_can_overcommit() -> None:
    developer = {"cpuAllocationRatio": 4, "memoryOvercommit": 200}
    asked = resources.compute(
        _spec({"cpu": {"cores": 2}}), resources.sizing_of({"developerConfiguration": developer}), emulation=True
    )
    assert asked["requests"] == {"memory": f"{256 + 184 + 16 + 1}Mi", "cpu": "500m"}


def test_what_the_instance_requests_is_not_overcommitted() -> None:
    spec = _spec({"resources": {"requests": {"memory": "512Mi", "cpu": "3"}}})
    asked = resources.compute(spec, resources.Sizing(memory_overcommit=200, cpu_allocation_ratio=1000), emulation=True)
    assert asked["requests"] == {"memory": f"{512 + 184 + 24 + 1}Mi", "cpu": "3"}


def test_the_smallest_cpu_request_is_one_millicore() -> None:
    assert (
        resources.compute(_spec(), resources.Sizing(cpu_allocation_ratio=10**6), emulation=True)["requests"]["cpu"]
        == "1m"
    )


def _qos(spec: dict[str, Any]) -> str:
    """The class that Kubernetes gives a pod of these containers."""
    same = True
    for asked in (resources.compute(spec, resources.Sizing(), emulation=True), resources.console_log(spec)):
        for name in ("cpu", "memory"):
            limit, request = asked["limits"].get(name), asked["requests"].get(name)
            same = same and limit is not None and quantity.parse(limit) == quantity.parse(request)
    return "Guaranteed" if same else "Burstable"


ALL = {"memory": "512Mi", "cpu": "1"}


@pytest.mark.parametrize(
    ("asked", "qos"),
    [
        ({}, "Burstable"),
        ({"requests": ALL, "limits": ALL}, "Guaranteed"),
        ({"requests": ALL, "limits": {"memory": "0.5Gi", "cpu": "1000m"}}, "Guaranteed"),
        ({"requests": ALL}, "Burstable"),
        ({"requests": ALL, "limits": {**ALL, "cpu": "2"}}, "Burstable"),
        ({"requests": ALL, "limits": {**ALL, "memory": "600Mi"}}, "Burstable"),
        ({"requests": ALL, "limits": ALL, "overcommitGuestOverhead": True}, "Burstable"),
    ],
)
def test_quality_of_service(asked: dict[str, Any], qos: str) -> None:
    spec = _spec({"resources": asked})
    assert _qos(spec) == qos
    assert resources.is_guaranteed(spec) == (qos == "Guaranteed")


def test_overcommitted_overhead_is_in_the_limit_alone() -> None:
    spec = _spec({"resources": {"requests": ALL, "limits": ALL, "overcommitGuestOverhead": True}})
    asked = resources.compute(spec, resources.Sizing(), emulation=True)
    assert (asked["requests"]["memory"], asked["limits"]["memory"]) == ("512Mi", "705Mi")
