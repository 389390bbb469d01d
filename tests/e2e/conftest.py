"""Fixtures of the end-to-end stories. They use the embedded cluster of this checkout and no other, with playvirt installed in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

_READY_SECONDS = 300


@pytest.fixture(scope="session")
def installed() -> clusters.Cluster:
    """The embedded cluster with playvirt in it."""
    if not (clusters.STATE / "kubeconfig").exists():
        pytest.fail("there is no embedded cluster: run `make cluster images install-playvirt` first", pytrace=False)
    return clusters.Cluster()


@pytest.fixture
def cluster(installed: clusters.Cluster) -> clusters.Cluster:
    """The cluster, once every component works: also after a story that has hurt one."""
    installed.wait_for("playvirt is Deployed and its pods are Ready", _READY_SECONDS, installed.is_ready)
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
            cluster.wait_for(f"no {component}", 180, lambda: not pods_of(cluster, component))  # noqa: B023 - asked at once
        yield
    finally:
        for component, replicas in wanted.items():
            scale(cluster, component, replicas)
        cluster.wait_for("playvirt works again", _READY_SECONDS, cluster.is_ready)


def pods_of(cluster: clusters.Cluster, component: str) -> list[clusters.Object]:
    """The pods of a component, those that are ending included."""
    return cluster.find_all("Pod", clusters.INSTALLATION, labels=f"kubevirt.io={component}")


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
