"""Metrics of guests: libvirt's words in, KubeVirt's names out; launchers that are slow, gone or lie."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import prometheus_client as prometheus
import pytest
from ansible_collections.playvirt.core.images.virt_handler import guest_metrics
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

STATISTICS: dict[str, Any] = {
    "state.state": 1,
    "cpu.time": 2_500_000_000,
    "balloon.current": 1024,
    "balloon.rss": 2048,
    "balloon.available": 1000,
    "balloon.unused": 400,
    "balloon.major_fault": 7,
    "vcpu.maximum": 1,
    "vcpu.0.state": 1,
    "vcpu.0.time": 1_000_000_000,
    "vcpu.0.wait": 500_000_000,
    "net.count": 1,
    "net.0.name": "tap0",
    "net.0.rx.bytes": 11,
    "net.0.tx.drop": 2,
    "block.count": 2,
    "block.0.name": "vda",
    "block.0.rd.reqs": 3,
    "block.0.wr.bytes": 4,
    "block.0.fl.times": 5_000_000,
    "block.1.name": "sda",
}
GUEST = {"node": "node01", "namespace": "ns", "name": "a"}


class Launcher:
    """A launcher that answers with statistics, or fails."""

    def __init__(self, statistics: Any = None) -> None:
        self.statistics = STATISTICS if statistics is None else statistics
        self.failure: errors.PlayvirtError | None = None
        self.asked = 0

    async def request(self, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        assert (command, arguments) == ("get_statistics", {})
        self.asked += 1
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return {"changed": False, "statistics": self.statistics}


class Node:
    """Guests and a clock; what is scraped is what a registry tells."""

    def __init__(self) -> None:
        self.guests: list[guest_metrics.Asked] = []
        self.phases: list[str] = []
        self.now = 100.0
        self.metrics = guest_metrics.GuestMetrics(
            "node01", guests=lambda: self.guests, phases=lambda: self.phases, clock=lambda: self.now
        )
        self.registry = prometheus.CollectorRegistry()
        self.registry.register(self.metrics)  # type: ignore[arg-type]

    async def scrape(self) -> None:
        await self.metrics.refresh()

    def value(self, series: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"kubevirt_vmi_{series}", {**GUEST, **labels})


@pytest.fixture
def node() -> Node:
    return Node()


async def test_libvirts_words_under_kubevirts_names(node: Node) -> None:
    node.guests = [("ns", "a", Launcher())]
    await node.scrape()
    assert node.value("cpu_usage_seconds_total") == 2.5
    assert node.value("memory_resident_bytes") == 2048 * 1024
    assert node.value("memory_used_bytes") == 600 * 1024
    assert node.value("memory_pgmajfault_total") == 7
    assert node.value("vcpu_seconds_total", id="0", state="running") == 1
    assert node.value("vcpu_wait_seconds_total", id="0") == 0.5
    assert node.value("network_receive_bytes_total", interface="tap0") == 11
    assert node.value("network_transmit_packets_dropped_total", interface="tap0") == 2
    assert node.value("storage_iops_read_total", drive="vda") == 3
    assert node.value("storage_write_traffic_bytes_total", drive="vda") == 4
    assert node.value("storage_flush_times_seconds_total", drive="vda") == 0.005
    assert node.value("storage_iops_read_total", drive="sda") is None
    assert node.value("memory_usable_bytes") is None


@pytest.mark.parametrize("failure", [errors.TransientError("did not answer"), errors.PermanentError("broken")])
async def test_a_launcher_that_fails_is_left_out_and_holds_up_nobody(node: Node, failure: errors.PlayvirtError) -> None:
    silent = Launcher()
    silent.failure = failure
    node.guests = [("ns", "b", silent), ("ns", "a", Launcher())]
    await node.scrape()
    assert node.value("cpu_usage_seconds_total") == 2.5
    assert node.value("cpu_usage_seconds_total", name="b") is None


async def test_scrapes_that_follow_each_other_ask_once(node: Node) -> None:
    launcher = Launcher()
    node.guests = [("ns", "a", launcher)]
    await asyncio.gather(node.scrape(), node.scrape())
    node.now += guest_metrics.FRESH_SECONDS - 0.1
    await node.scrape()
    assert launcher.asked == 1
    node.now += 0.2
    await node.scrape()
    assert launcher.asked == 2
    node.guests = []
    node.now += guest_metrics.FRESH_SECONDS
    await node.scrape()
    assert launcher.asked == 2
    assert node.value("cpu_usage_seconds_total") is None


@pytest.mark.parametrize(
    "lie",
    [
        {"cpu.time": "1e9"},
        {"cpu.time": -1},
        {"cpu.time": 10**400},
        {"cpu.time": None},
        [],
        "text",
        {"net.count": 10**9, "net.0.name": 'x"} 1\nfake 1', "net.0.rx.bytes": 1},
        {"block.count": 1, "block.0.name": ["vda"], "block.0.rd.reqs": 1},
        {"vcpu.maximum": "all"},
    ],
)
async def test_a_launcher_that_lies_makes_no_series(node: Node, lie: Any) -> None:
    node.guests = [("ns", "a", Launcher(lie))]
    await node.scrape()
    text = prometheus.generate_latest(node.registry).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == []


async def test_a_launcher_cannot_make_series_without_end(node: Node) -> None:
    told: dict[str, Any] = {"net.count": 10**6, "block.count": 10**6, "vcpu.maximum": 10**6}
    for index in range(2000):
        told |= {f"net.{index}.name": f"tap{index}", f"net.{index}.rx.bytes": 1}
        told |= {f"block.{index}.name": f"vd{index}", f"block.{index}.rd.reqs": 1, f"vcpu.{index}.time": 1}
    node.guests = [("ns", "a", Launcher(told))]
    await node.scrape()
    assert sum(len(family.samples) for family in node.metrics.collect()) == 64 + 256 + 512


async def test_phases_of_the_nodes_instances_are_counted(node: Node) -> None:
    node.phases = ["Running", "Scheduled", "Running"]
    counted = {
        phase: node.registry.get_sample_value("kubevirt_vmi_phase_count", {"node": "node01", "phase": phase})
        for phase in ("running", "scheduled", "failed")
    }
    assert counted == {"running": 2, "scheduled": 1, "failed": None}
