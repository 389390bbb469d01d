"""The embedded cluster itself: three nodes of its own beside any other cluster, from start over a node's death to nothing left.

Needs root, and the built programs in the cache (`make cluster` puts them there). The tests run in their order on one cluster.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.cluster import cgroup_tree, loop_devices

CACHE = pathlib.Path.home() / ".cache" / "playvirt" / "bin"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.full,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not list(CACHE.glob("kubernetes-*")), reason=f"needs the programs in {CACHE}: make cluster"),
]

NODES = ("node01", "node02", "node03")
MANIFESTS = pathlib.Path(__file__).parent / "manifests" / "embedded_cluster.yaml"


class Cluster:
    """An embedded cluster in a directory of its own."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state

    def play(self, playbook: str, **variables: object) -> str:
        """Run a playbook on this cluster; returns its output."""
        command = ["ansible-playbook", f"playvirt.core.{playbook}"]
        for name, value in {"state_directory": self.state, **variables}.items():
            command += ["-e", f"embedded_cluster_{name}={value}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl; returns its output."""
        command = [str(self.state / "bin" / "kubectl"), f"--kubeconfig={self.state}/kubeconfig", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def pods(self) -> dict[str, str]:
        """The test's pods: node name -> pod name."""
        found = json.loads(self.kubectl("get", "pods", "--selector=app=web", "--output=json"))["items"]
        return {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in found}

    def shell(self, pod: str, command: str) -> str:
        """Run a command in a pod; returns its output."""
        return self.kubectl("exec", pod, "--", "sh", "-c", command)

    @property
    def id(self) -> str:
        """What the cluster calls itself on this machine."""
        return next(iter(self.cgroups()), "")

    def cgroups(self) -> list[str]:
        """The ids of clusters whose control plane keeps its data in this state directory."""
        layout = cgroup_tree.read_layout()
        root = pathlib.Path(layout.directories("/playvirt")[0])
        return [
            directory.name
            for directory in (root.iterdir() if root.exists() else ())
            if directory.is_dir()
            and any(self.runs(pid) for pid in cgroup_tree.processes(layout, f"/playvirt/{directory.name}"))
        ]

    def runs(self, pid: int) -> bool:
        """Whether a process was started for this state directory."""
        try:
            return str(self.state).encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.play("cluster", nodes=3, block_volumes=1, node_monitor_grace_period="10s")
        made.kubectl("apply", f"--filename={MANIFESTS}")
        made.kubectl("rollout", "status", "daemonset/web", "--timeout=120s")
        yield made
    finally:
        made.play("cluster_down")


def test_nodes_are_ready_and_run_a_real_kubernetes(cluster: Cluster) -> None:
    nodes = json.loads(cluster.kubectl("get", "nodes", "--output=json"))["items"]
    assert tuple(node["metadata"]["name"] for node in nodes) == NODES
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {"v1.35.4"}
    assert sorted(cluster.pods()) == list(NODES)


def test_a_service_answers_by_name_from_every_node_with_pods_of_all_nodes(cluster: Cluster) -> None:
    ask = "for i in $(seq 40); do wget -qO- http://web.default.svc.cluster.local; done"
    for pod in cluster.pods().values():
        assert set(cluster.shell(pod, ask).split()) == set(NODES)


def test_the_machine_reaches_pods_and_services(cluster: Cluster) -> None:
    service = json.loads(cluster.kubectl("get", "service", "web", "--output=json"))["spec"]
    pods = json.loads(cluster.kubectl("get", "pods", "--selector=app=web", "--output=json"))["items"]
    targets = [service["clusterIP"], *(f"{pod['status']['podIP']}:8080" for pod in pods)]
    for target in targets:
        with urllib.request.urlopen(f"http://{target}/", timeout=5) as answer:
            assert answer.read().decode().strip() in NODES


def test_a_filesystem_volume_is_shared_by_all_nodes(cluster: Cluster) -> None:
    for pod in cluster.pods().values():
        assert cluster.shell(pod, "ls /share").split() == list(NODES)


def test_a_block_volume_is_the_same_device_on_all_nodes(cluster: Cluster) -> None:
    pods = list(cluster.pods().values())
    cluster.shell(pods[0], "echo written once | dd of=/dev/disk0 bs=512 count=1 conv=sync,fsync")
    # A page cache of the one device that all nodes share: no need to wait for anything.
    for pod in pods:
        assert cluster.shell(pod, "dd if=/dev/disk0 bs=13 count=1 2>/dev/null").strip() == "written once"


def test_an_image_volume_shows_the_image(cluster: Cluster) -> None:
    assert cluster.shell(next(iter(cluster.pods().values())), "ls /image").split() == ["pause"]


def test_logs_come_from_the_node(cluster: Cluster) -> None:
    for node, pod in cluster.pods().items():
        assert f"started on {node}" in cluster.kubectl("logs", pod)


def test_starting_again_changes_nothing_and_brings_back_what_died(cluster: Cluster) -> None:
    records = cluster.state / "run"
    before = {path.stem: json.loads(path.read_text())["pid"] for path in records.glob("*.json")}
    assert "changed=0" in cluster.play("cluster", node_monitor_grace_period="10s")
    os.kill(before["kube-scheduler"], signal.SIGKILL)
    cluster.play("cluster", node_monitor_grace_period="10s")
    after = {path.stem: json.loads(path.read_text())["pid"] for path in records.glob("*.json")}
    assert {name for name in after if after[name] != before[name]} == {"kube-scheduler"}
    assert len(after) == 4 + 5 * len(NODES)


def test_a_killed_node_is_noticed_and_comes_back(cluster: Cluster) -> None:
    cluster.play("cluster_down", node="node02")
    layout = cgroup_tree.read_layout()
    assert cgroup_tree.processes(layout, f"/playvirt/{cluster.id}/node02") == set()
    cluster.kubectl("wait", "--for=condition=Ready=Unknown", "node/node02", "--timeout=60s")
    cluster.play("cluster", node_monitor_grace_period="10s")
    cluster.kubectl("wait", "--for=condition=Ready", "node/node02", "--timeout=60s")
    cluster.kubectl("rollout", "status", "daemonset/web", "--timeout=60s")
    assert cluster.shell(cluster.pods()["node02"], "cat /tmp/index.html").strip() == "node02"


def test_down_leaves_nothing_even_without_records(cluster: Cluster) -> None:
    name = cluster.id
    assert name
    for part in ("run", "pki", "etc"):
        shutil.rmtree(cluster.state / part)
    cluster.play("cluster_down")
    layout = cgroup_tree.read_layout()
    assert not cgroup_tree.exists(layout, f"/playvirt/{name}")
    assert not cluster.cgroups()
    assert not [
        pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid() and cluster.runs(int(pid))
    ]
    links = subprocess.run(["ip", "-oneline", "link"], capture_output=True, text=True, check=True).stdout
    assert f"pv{name}" not in links
    rules = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    assert f"pv{name}" not in rules
    assert str(cluster.state) not in pathlib.Path("/proc/mounts").read_text()
    assert not loop_devices.over(str(cluster.state / "block"), loop_devices.attached())
    assert not cluster.state.exists()
    assert "changed=0" in cluster.play("cluster_down")
