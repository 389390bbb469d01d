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
def namespace(cluster: clusters.Cluster, request: pytest.FixtureRequest) -> Iterator[namespaces.Namespace]:
    """A namespace of this story alone; its end is part of the story: everything has to go."""
    made = namespaces.Namespace(cluster, request.node.name.removeprefix("test_"))
    try:
        yield made
    finally:
        made.close()
