"""Fixtures of the end-to-end stories. They use the embedded cluster of this checkout and no other, with playvirt installed in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

_READY_SECONDS = 120


def is_ready(cluster: clusters.Cluster) -> bool:
    """Whether playvirt is installed and each of its components works."""
    found = cluster.find("KubeVirt", "kubevirt", clusters.INSTALLATION) or {}
    if (found.get("status") or {}).get("phase") != "Deployed":
        return False
    ready = {pod["metadata"]["name"] for pod in ready_pods(cluster)}
    handlers = [name for name in ready if name.startswith("virt-handler-")]
    return cluster.active_controller() in ready and len(handlers) == len(cluster.list("Node"))


def ready_pods(cluster: clusters.Cluster) -> list[clusters.Object]:
    """The pods of the installation that are Ready."""
    pods = [pod for component in clusters.COMPONENTS for pod in cluster.component_pods(component)]
    return [pod for pod in pods if clusters.condition(pod, "Ready").get("status") == "True"]


@pytest.fixture(scope="session")
def installed() -> clusters.Cluster:
    """The embedded cluster with playvirt in it."""
    if not (clusters.STATE / "kubeconfig").exists():
        pytest.fail("there is no embedded cluster: run `make cluster images install-playvirt` first", pytrace=False)
    return clusters.Cluster()


@pytest.fixture
def cluster(installed: clusters.Cluster) -> clusters.Cluster:
    """The cluster, once every component works: also after a story that has hurt one."""
    installed.wait_for("playvirt is Deployed and its pods are Ready", _READY_SECONDS, lambda: is_ready(installed))
    return installed


@pytest.fixture
def without_controllers(cluster: clusters.Cluster) -> Iterator[None]:
    """virt-operator and virt-controller are scaled down, so that nobody but the story runs a role."""
    wanted = {}
    for component in ("virt-operator", "virt-controller"):
        wanted[component] = cluster.get("Deployment", component, clusters.INSTALLATION)["spec"]["replicas"]
    try:
        for component in wanted:
            scale(cluster, component, 0)
            cluster.wait_for(f"no {component}", 60, lambda component=component: not cluster.component_pods(component))
        yield
    finally:
        for component, replicas in wanted.items():
            scale(cluster, component, replicas)
        cluster.wait_for("playvirt works again", 120, lambda: is_ready(cluster))


def scale(cluster: clusters.Cluster, component: str, replicas: int) -> None:
    """`kubectl scale` of a component."""
    cluster.kubectl("scale", "--namespace", clusters.INSTALLATION, f"deployment/{component}", f"--replicas={replicas}")


@pytest.fixture
def namespace(cluster: clusters.Cluster, request: pytest.FixtureRequest) -> Iterator[namespaces.Namespace]:
    """A namespace of this story alone; its end is part of the story: everything has to go."""
    made = namespaces.Namespace(cluster, request.node.name.removeprefix("test_"))
    try:
        yield made
    finally:
        made.close()
