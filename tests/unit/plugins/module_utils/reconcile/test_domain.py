"""virt-handler's decisions: (what the launcher reports, the VMI's phase, deletion) -> steps and status. Not here: XML (test_golden.py)."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import metadata
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan, planners
from ansible_collections.playvirt.core.tests.unit.fakes import cluster as fake

NOW = "2030-01-01T00:10:00Z"
PLANNER = planners.PLANNERS["domain"]
START = ["prepare_network", "make_disks", "make_cloud_init", "define", "start"]


def _vmi(phase: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "a", "namespace": "ns", "uid": "u1"},
        "spec": {
            "domain": {"memory": {"guest": "64Mi"}, "devices": {"disks": [{"name": "root"}]}},
            "terminationGracePeriodSeconds": 20,
            "volumes": [
                {"name": "root", "containerDisk": {"image": "i"}},
                {"name": "config", "cloudInitNoCloud": {"userData": "x"}},
            ],
        },
        "status": {"phase": phase, "nodeName": "node01"},
    }


def _world(vmi: dict[str, Any], state: str | None, reason: str = "") -> fake.Cluster:
    cluster = fake.Cluster()
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": metadata.launcher_pod_name(vmi),
            "namespace": "ns",
            "uid": "p1",
            "ownerReferences": [{"uid": "u1", "controller": True}],
        },
        "spec": {},
        "status": {"podIPs": [{"ip": "10.1.2.3"}], "conditions": [{"type": "Ready", "status": "True"}]},
    }
    cluster.put(pod)
    if state is not None:
        cluster.launchers["p1"] = {"pid": 7, "domain": {"state": state, "reason": reason}}
    return cluster


def _decide(vmi: dict[str, Any], cluster: fake.Cluster, now: str = NOW) -> plan.Plan:
    return PLANNER.plan(vmi, PLANNER.observe(vmi, cluster), now)


@pytest.mark.parametrize(("state", "reason"), [("absent", ""), ("shutoff", "unknown"), ("shutoff", "failed")])
def test_an_empty_pod_gets_a_domain(state: str, reason: str) -> None:
    vmi = _vmi("Scheduled")
    made = _decide(vmi, _world(vmi, state, reason))
    assert list(made.steps) == START
    assert made.status["phase"] == "Running"
    assert made.status["interfaces"][0]["ipAddress"] == "10.1.2.3"
    assert {step["pid"] for step in made.steps.values()} == {7}
    assert made.steps["start"]["name"] == "ns_a"


@pytest.mark.parametrize("state", ["running", "paused", "blocked", "pmsuspended"])
def test_a_live_domain_is_a_running_instance(state: str) -> None:
    vmi = _vmi("Scheduled")
    cluster = _world(vmi, state)
    mirrored = _decide(vmi, cluster)
    assert not mirrored.steps
    assert mirrored.status["phase"] == "Running"
    vmi["status"] = dict(mirrored.status)
    assert _decide(vmi, cluster).is_empty


@pytest.mark.parametrize(
    ("state", "reason", "phase"),
    [
        ("shutoff", "shutdown", "Succeeded"),
        ("shutoff", "destroyed", "Succeeded"),
        ("shutoff", "crashed", "Failed"),
        ("shutoff", "failed", "Failed"),
        ("crashed", "panicked", "Failed"),
        ("absent", "", "Failed"),
    ],
)
def test_how_a_domain_ends_is_how_the_instance_ends(state: str, reason: str, phase: str) -> None:
    vmi = _vmi("Running")
    vmi["status"] |= {"conditions": [{"type": "AgentConnected", "status": "True"}], "guestOSInfo": {"id": "debian"}}
    over = _decide(vmi, _world(vmi, state, reason))
    crashed = phase == "Failed"
    event = "The VirtualMachineInstance crashed." if crashed else "The VirtualMachineInstance was shut down."
    assert over.steps == {"tell_end": {"type": "Warning" if crashed else "Normal", "message": event}}
    assert "guestOSInfo" not in over.status
    assert "AgentConnected" not in {c["type"] for c in over.status["conditions"]}
    assert over.status["phase"] == phase
    ready = next(c for c in over.status["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == "GuestNotRunning"


@pytest.mark.parametrize(
    ("state", "reason", "phase"),
    [("absent", "", "Failed"), ("shutoff", "unknown", "Succeeded"), ("shutoff", "failed", "Failed")],
)
def test_a_launcher_that_has_not_told_of_the_start_yet_is_waited_for(state: str, reason: str, phase: str) -> None:
    vmi = _vmi("Scheduled")
    cluster = _world(vmi, state, reason)
    vmi["status"] = dict(_decide(vmi, cluster).status)
    assert vmi["status"]["phase"] == "Running"
    early = _decide(vmi, cluster, "2030-01-01T00:10:01Z")
    assert (dict(early.steps), early.status, early.requeue_after) == ({}, None, 29)
    cluster.launchers["p1"]["domain"] = {"state": "running", "reason": "booted"}
    assert _decide(vmi, cluster, "2030-01-01T00:10:02Z").is_empty
    cluster.launchers["p1"]["domain"] = {"state": state, "reason": reason}
    assert _decide(vmi, cluster, "2030-01-01T00:10:30Z").status["phase"] == phase


def test_a_guest_that_crashed_right_after_its_start_has_ended() -> None:
    vmi = _vmi("Scheduled")
    vmi["status"] = dict(_decide(vmi, _world(vmi, "absent")).status)
    assert _decide(vmi, _world(vmi, "shutoff", "crashed"), "2030-01-01T00:10:01Z").status["phase"] == "Failed"


def test_a_guest_that_stopped_before_it_was_seen_running_is_not_started_again() -> None:
    vmi = _vmi("Scheduled")
    over = _decide(vmi, _world(vmi, "shutoff", "shutdown"))
    assert list(over.steps) == ["tell_end"]
    assert over.status["phase"] == "Succeeded"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_final_instance_is_left_alone(phase: str) -> None:
    vmi = _vmi(phase)
    assert _decide(vmi, _world(vmi, "running")).is_empty


def test_without_a_launcher_there_is_nothing_to_do() -> None:
    vmi = _vmi("Scheduled")
    assert _decide(vmi, _world(vmi, None)).is_empty


def test_a_deleted_instance_is_asked_then_turned_off() -> None:
    vmi = _vmi("Running")
    vmi["metadata"]["deletionTimestamp"] = NOW
    cluster = _world(vmi, "running")
    asked = _decide(vmi, cluster, "2030-01-01T00:10:01Z")
    assert asked.steps["shut_down"]["first"] is True
    assert asked.requeue_after == 5
    again = _decide(vmi, cluster, "2030-01-01T00:10:17Z")
    assert again.steps["shut_down"]["first"] is False
    assert again.requeue_after == pytest.approx(3)
    assert list(_decide(vmi, cluster, "2030-01-01T00:10:20Z").steps) == ["power_off"]


def test_no_grace_means_power_off_at_once() -> None:
    vmi = _vmi("Running")
    vmi["spec"]["terminationGracePeriodSeconds"] = 0
    vmi["metadata"]["deletionTimestamp"] = NOW
    assert list(_decide(vmi, _world(vmi, "running")).steps) == ["power_off"]


def test_a_deleted_instance_is_not_started() -> None:
    vmi = _vmi("Scheduled")
    vmi["metadata"]["deletionTimestamp"] = NOW
    assert _decide(vmi, _world(vmi, "absent")).is_empty


def test_a_value_that_makes_no_domain_is_told() -> None:
    vmi = _vmi("Scheduled")
    vmi["spec"]["domain"]["devices"]["disks"] = [{"name": "nowhere"}]
    refused = _decide(vmi, _world(vmi, "absent"))
    assert not refused.steps
    assert refused.status["conditions"][0]["message"] == "spec.domain.devices.disks[0].Name 'nowhere' not found."


def test_running_again_clears_what_failed_before() -> None:
    vmi = _vmi("Scheduled")
    vmi["status"]["conditions"] = [{"type": "Synchronized", "status": "False", "message": "old"}]
    shown = [c["type"] for c in _decide(vmi, _world(vmi, "running")).status["conditions"]]
    assert shown == ["SoftwareEmulation", "LiveMigratable", "Ready"]


def _conditions(decision: plan.Plan) -> dict[str, dict[str, Any]]:
    return {condition["type"]: condition for condition in decision.status["conditions"]}


@pytest.mark.parametrize(
    ("reason", "shown", "message"),
    [
        ("user", "PausedByUser", "VMI was paused by user"),
        ("ioerror", "PausedIOError", "VMI was paused, low-level IO error detected"),
    ],
)
def test_a_pause_is_told_with_its_cause_and_ends(reason: str, shown: str, message: str) -> None:
    vmi = _vmi("Running")
    cluster = _world(vmi, "paused", reason)
    stopped = _decide(vmi, cluster)
    assert (_conditions(stopped)["Paused"]["reason"], _conditions(stopped)["Paused"]["message"]) == (shown, message)
    vmi["status"] = dict(stopped.status)
    cluster.launchers["p1"]["domain"] = {"state": "paused", "reason": "snapshot"}
    assert _decide(vmi, cluster).is_empty
    cluster.launchers["p1"]["domain"] = {"state": "running", "reason": "unpaused"}
    assert "Paused" not in _conditions(_decide(vmi, cluster))


def test_a_pause_that_libvirt_makes_itself_is_not_told() -> None:
    vmi = _vmi("Running")
    assert "Paused" not in _conditions(_decide(vmi, _world(vmi, "paused", "starting_up")))


def test_a_guest_can_start_paused() -> None:
    vmi = _vmi("Scheduled")
    assert _decide(vmi, _world(vmi, "absent")).steps["start"]["state"] == "running"
    vmi["spec"]["startStrategy"] = "Paused"
    made = _decide(vmi, _world(vmi, "absent"))
    assert made.steps["start"]["state"] == "paused"
    assert _conditions(made)["Paused"]["reason"] == "PausedByUser"


AGENT = {
    "connected": True,
    "os": {"id": "debian", "prettyName": "Debian GNU/Linux 13 (trixie)"},
    "hostname": "web",
    "interfaces": [],
}


def test_what_the_agent_tells_is_shown_while_it_is_connected() -> None:
    vmi = _vmi("Running")
    cluster = _world(vmi, "running")
    known = _decide(vmi, cluster).status["interfaces"][0]
    seen = {"name": "enp1s0", "mac": known["mac"], "addresses": ["10.0.2.2", "fd10::2"]}
    own = {"name": "docker0", "mac": "02:42:00:00:00:01", "addresses": ["172.17.0.1"]}
    loopback = {"name": "lo", "mac": "00:00:00:00:00:00", "addresses": []}
    cluster.launchers["p1"]["agent"] = {**AGENT, "interfaces": [loopback, seen, own]}
    told = _decide(vmi, cluster)
    assert told.status["guestOSInfo"] == AGENT["os"]
    assert _conditions(told)["AgentConnected"]["status"] == "True"
    assert told.status["interfaces"] == [
        {**known, "interfaceName": "enp1s0", "infoSource": "domain, guest-agent"},
        {
            "interfaceName": "docker0",
            "mac": "02:42:00:00:00:01",
            "infoSource": "guest-agent",
            "ipAddress": "172.17.0.1",
            "ipAddresses": ["172.17.0.1"],
        },
    ]
    vmi["status"] = dict(told.status)
    assert _decide(vmi, cluster).is_empty
    cluster.launchers["p1"]["agent"] = {**AGENT, "connected": False}
    gone = _decide(vmi, cluster)
    assert gone.status["interfaces"] == [known]
    assert "guestOSInfo" not in gone.status
    assert "AgentConnected" not in _conditions(gone)


def test_size_and_migratability_are_told() -> None:
    vmi = _vmi("Running")
    vmi["spec"]["domain"]["cpu"] = {"cores": 2}
    status = _decide(vmi, _world(vmi, "running")).status
    assert status["memory"] == {"guestAtBoot": "64Mi", "guestCurrent": "64Mi", "guestRequested": "64Mi"}
    assert status["currentCPUTopology"] == {"cores": 2, "sockets": 1, "threads": 1}
    assert status["migrationMethod"] == "BlockMigration"


def test_additions_go_into_the_domain() -> None:
    vmi = _vmi("Scheduled")
    cluster = _world(vmi, "absent")
    entry = {"name": "oem", "parent": "sysinfo", "xml": "<oemStrings><entry>${vmi-name}</entry></oemStrings>"}
    configuration = cluster.objects["KubeVirt", "kubevirt", "kubevirt"]["spec"]["configuration"]
    configuration["additions"] = {"domain": [entry]}
    assert "<entry>a</entry>" in _decide(vmi, cluster).steps["define"]["xml"]
    configuration["additions"] = {"domain": [{**entry, "parent": "memtune"}]}
    refused = _decide(vmi, cluster)
    assert not refused.steps
    assert "addition 'oem' goes into 'memtune'" in _conditions(refused)["Synchronized"]["message"]


def test_a_guest_that_an_io_error_has_stopped_is_tried_again_after_a_while() -> None:
    vmi = _vmi("Running")
    cluster = _world(vmi, "paused", "ioerror")
    stopped = _decide(vmi, cluster)
    assert (dict(stopped.steps), stopped.requeue_after) == ({}, 30)
    vmi["status"] = dict(stopped.status)
    early = _decide(vmi, cluster, "2030-01-01T00:10:20Z")
    assert (dict(early.steps), early.status, early.requeue_after) == ({}, None, 10)
    tried = _decide(vmi, cluster, "2030-01-01T00:10:30Z")
    assert tried.steps == {"resume": {"pod_uid": "p1", "pid": 7, "name": "ns_a"}}
    cluster.launchers["p1"]["domain"] = {"state": "running", "reason": "unpaused"}
    vmi["status"] = dict(_decide(vmi, cluster, "2030-01-01T00:10:31Z").status)
    cluster.launchers["p1"]["domain"] = {"state": "paused", "reason": "ioerror"}
    again = _decide(vmi, cluster, "2030-01-01T00:10:32Z")
    assert (dict(again.steps), again.requeue_after) == ({}, 30)


def test_a_guest_that_a_user_has_paused_is_left_so() -> None:
    vmi = _vmi("Running")
    cluster = _world(vmi, "paused", "user")
    vmi["status"] = dict(_decide(vmi, cluster).status)
    later = _decide(vmi, cluster, "2030-01-01T00:20:00Z")
    assert later.is_empty
    assert later.requeue_after is None
