"""Taking components of the installation away for a while, and putting them back.

In: the cluster, names of Deployments. Out: a context in which they have no pods. Used by stories that tell what goes on without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.playvirt.core.tests.e2e import cluster as clusters

_AWAY_SECONDS, _BACK_SECONDS = 240, 300


def pods_of(cluster: clusters.Cluster, component: str) -> list[clusters.Object]:
    """The pods of a component, those that are ending included."""
    return cluster.find_all("Pod", clusters.INSTALLATION, labels=f"kubevirt.io={component}")


def scale(cluster: clusters.Cluster, component: str, replicas: int) -> None:
    """`kubectl scale` of a component."""
    cluster.kubectl("scale", "--namespace", clusters.INSTALLATION, f"deployment/{component}", f"--replicas={replicas}")


@contextmanager
def without(cluster: clusters.Cluster, *components: str) -> Iterator[None]:
    """The components are scaled down, one after the other; virt-operator, which would put them right, goes first and comes back last."""
    ordered = ("virt-operator", *components)
    wanted = {
        component: cluster.get("Deployment", component, clusters.INSTALLATION)["spec"]["replicas"]
        for component in ordered
    }
    try:
        for component in ordered:
            scale(cluster, component, 0)
            cluster.wait_for(f"no {component}", _AWAY_SECONDS, lambda: not pods_of(cluster, component))  # noqa: B023 - asked at once
        yield
    finally:
        for component in reversed(ordered):
            scale(cluster, component, wanted[component])
        cluster.wait_for("playvirt works again", _BACK_SECONDS, cluster.is_ready)
