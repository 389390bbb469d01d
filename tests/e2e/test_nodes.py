"""Several nodes: machines run where the scheduler puts them, and are reached from everywhere.

In scope: spreading, and a Service over nodes. Not in scope: the death of a node.
"""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.tests.e2e import machines, nodes
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

WANTED_NODES = 3


@pytest.mark.full
def test_machines_on_every_node(namespace: namespaces.Namespace) -> None:
    """A machine runs on each node under that node's virt-handler, and a pod of one node reaches a guest of another through a Service."""
    cluster = namespace.cluster
    names = sorted(node["metadata"]["name"] for node in cluster.find_all("Node"))
    if len(names) < WANTED_NODES:
        pytest.skip(
            f"the cluster has {len(names)} node(s), this story takes {WANTED_NODES}: make cluster NODES={WANTED_NODES}"
        )
    for name in names:
        namespace.apply(machines.machine(f"on-{name}", node_selector={"kubernetes.io/hostname": name}))
    for name in names:
        found = namespace.wait_running(f"on-{name}", seconds=480)
        assert found["status"]["nodeName"] == name
        assert found["metadata"]["labels"]["kubevirt.io/nodeName"] == name
        assert len(nodes.qemus(namespace.name, f"on-{name}")) == 1

    served = f"on-{names[-1]}"
    namespace.create(machines.service("far", app=served, port=80))
    namespace.create(machines.client_pod("near", node=names[0]))
    namespace.kubectl("wait", "--for=condition=Ready", "pod/near", "--timeout=180s")
    seconds = namespaces.BOOT_SECONDS
    answer = namespace.wait_for("answer over the nodes", seconds, lambda: namespace.fetch("near", "far"))
    assert "is a playvirt guest" in answer
