"""Fixtures of the end-to-end stories. They use the embedded cluster of this checkout and no other, with playvirt installed in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import components
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
    with components.without(cluster, "virt-controller"):
        yield


@pytest.fixture
def namespace(cluster: clusters.Cluster, request: pytest.FixtureRequest) -> Iterator[namespaces.Namespace]:
    """A namespace of this story alone; its end is part of the story: everything has to go."""
    made = namespaces.Namespace(cluster, request.node.name.removeprefix("test_"))
    try:
        yield made
    finally:
        made.close()
