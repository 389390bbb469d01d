"""Uninstalling for real: what is removed, what stays, and what comes back with the next installation.

In scope: the installation of this cluster, which every story here takes away and puts back. Not in scope: the refusal while instances
exist (test_installation.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import fencing
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import components, machines, nodes
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

pytestmark = pytest.mark.full

_MAKE_SECONDS = 700
_GONE_SECONDS = 180
_MANAGED = "app.kubernetes.io/managed-by=playvirt"
_DEPLOYED = (
    *("Deployment", "DaemonSet", "Service", "ServiceAccount", "Secret", "PodDisruptionBudget"),
    *("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
)


@pytest.fixture
def installed_again(cluster: clusters.Cluster) -> Iterator[clusters.Cluster]:
    """The cluster; afterwards playvirt is installed in it, whatever the story did."""
    yield cluster
    install(cluster)


def install(cluster: clusters.Cluster) -> None:
    """`make install-playvirt`, which waits until everything is deployed."""
    cluster.run("make", "install-playvirt", seconds=_MAKE_SECONDS)
    cluster.wait_for("playvirt works", 300, cluster.is_ready)


def leftovers(cluster: clusters.Cluster) -> list[str]:
    """What of the installation is still in the cluster, definitions aside."""
    deployed = [
        f"{kind}/{found['metadata']['name']}" for kind in _DEPLOYED for found in cluster.find_all(kind, labels=_MANAGED)
    ]
    leases = [f"Lease/{found['metadata']['name']}" for found in cluster.find_all("Lease", clusters.INSTALLATION)]
    pods = [f"Pod/{found['metadata']['name']}" for found in cluster.find_all("Pod", clusters.INSTALLATION)]
    return deployed + leases + pods


def definitions(cluster: clusters.Cluster) -> list[str]:
    """The CustomResourceDefinitions of playvirt."""
    return cluster.kubectl("get", "crd", "--selector", _MANAGED, "--output=name").split()


def test_uninstall_keeps_stopped_machines(installed_again: clusters.Cluster, namespace: namespaces.Namespace) -> None:
    """Definitions and stopped machines stay; the next installation finds and starts them."""
    cluster = installed_again
    namespace.apply(machines.machine("kept", run_strategy="Halted"))
    before = definitions(cluster)
    assert len(before) >= 3
    cluster.run("make", "uninstall-playvirt", seconds=_MAKE_SECONDS)
    cluster.wait_for("the installation is gone", _GONE_SECONDS, lambda: not leftovers(cluster))
    assert definitions(cluster) == before
    assert namespace.find("VirtualMachine", "kept") is not None
    again = cluster.run("make", "uninstall-playvirt", seconds=_MAKE_SECONDS)
    assert "changed=0" in again.stdout
    install(cluster)
    namespace.set_run_strategy("kept", "Always")
    namespace.wait_running("kept")


def test_forced_uninstall_stops_guests(installed_again: clusters.Cluster, namespace: namespaces.Namespace) -> None:
    """With FORCE=1 running guests stop by themselves within T_fence, since nobody renews them; the next installation starts them anew."""
    cluster = installed_again
    namespace.apply(machines.machine("running"))
    first = namespace.wait_running("running")["metadata"]["uid"]
    assert len(nodes.qemus(namespace.name, "running")) == 1
    cluster.run("make", "uninstall-playvirt", "FORCE=1", seconds=_MAKE_SECONDS)
    # virt-operator's own pod ends after the command.
    cluster.wait_for("the installation is gone", _GONE_SECONDS, lambda: not leftovers(cluster))
    assert namespace.instance("running") is not None
    left = fencing.FENCE_SECONDS + 60
    cluster.wait_for("the guest is off", left, lambda: not nodes.qemus(namespace.name, "running"))
    install(cluster)
    namespace.wait_running("running", other_than=first)
    assert len(nodes.qemus(namespace.name, "running")) == 1


def test_purge_removes_everything(installed_again: clusters.Cluster) -> None:
    """With FORCE=1 and PURGE=1 machines, definitions and the namespace go as well."""
    cluster = installed_again
    made = namespaces.Namespace(cluster, "purge")
    try:
        made.apply(machines.machine("doomed"))
        made.wait_running("doomed")
        cluster.run("make", "uninstall-playvirt", "FORCE=1", "PURGE=1", seconds=_MAKE_SECONDS)
        assert not nodes.qemus(made.name, "doomed")
        assert definitions(cluster) == []
        what = "the namespace is gone"
        cluster.wait_for(what, _GONE_SECONDS, lambda: cluster.find("Namespace", clusters.INSTALLATION) is None)
        assert leftovers(cluster) == []
        assert made.find_all("Pod") == []
    finally:
        cluster.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.name}})


def test_uninstall_after_a_removal_by_hand(installed_again: clusters.Cluster, namespace: namespaces.Namespace) -> None:
    """Where somebody took the KubeVirt away without virt-operator, nobody is left to judge; uninstalling takes the webhooks away.

    Then machines can be made again.
    """
    cluster = installed_again
    components.scale(cluster, "virt-operator", 0)
    cluster.wait_for("no virt-operator", 90, lambda: not components.pods_of(cluster, "virt-operator"))
    kubevirt = cluster.get("KubeVirt", "kubevirt", clusters.INSTALLATION)
    cluster.delete(kubevirt)
    cluster.patch(kubevirt, {"metadata": {"finalizers": None}})
    cluster.wait_for("no virt-api", 120, lambda: not components.pods_of(cluster, "virt-api"))

    argv = ("kubectl", "create", "--namespace", namespace.name, "--filename", "-")
    manifest = json.dumps(machines.machine("made", run_strategy="Halted"))
    told = cluster.run(*argv, stdin=manifest, check=False)
    assert told.returncode != 0
    assert "failed calling webhook" in told.stderr
    cluster.run("make", "uninstall-playvirt", seconds=_MAKE_SECONDS)
    cluster.wait_for("the installation is gone", 120, lambda: not leftovers(cluster))
    cluster.run(*argv, stdin=manifest)
