"""A launcher that plants links where virt-handler will come: it gets nothing, and everything goes on when the link is gone.

In scope: the socket of libvirtd, the only way of a launcher that virt-handler opens at present. Every other trick, on a process without a cluster,
is in tests/integration/test_launcher_isolation.py.
"""

from __future__ import annotations

import json
import subprocess

from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME = "planter"
SOCKET = "/var/run/libvirt/libvirt-sock"
#: a socket of the node that root may use and a launcher has no business with; what matters is that it is not reached
PRIZE = "/run/containerd/containerd.sock"
LOOK_UP = """
import json, sys
from ansible_collections.playvirt.core.plugins.module_utils.k8s import gateway
print(json.dumps(gateway.request("GET", "/launchers/" + sys.argv[1])))
"""


def in_handler(cluster: clusters.Cluster, node_name: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """A command in the virt-handler of a node."""
    handlers = cluster.component_pods("virt-handler")
    [handler] = [each for each in handlers if each["spec"]["nodeName"] == node_name]
    where = ["--namespace", clusters.INSTALLATION, handler["metadata"]["name"], "--container=virt-handler", "--"]
    return cluster.run("kubectl", "exec", *where, *argv, check=False)


def test_link_in_place_of_the_libvirt_socket(namespace: namespaces.Namespace) -> None:
    namespace.apply(machines.machine(NAME))
    namespace.wait_running(NAME)
    pod = namespace.launcher(NAME)
    assert pod is not None
    node_name, pod_uid, pod_name = pod["spec"]["nodeName"], pod["metadata"]["uid"], pod["metadata"]["name"]

    def in_launcher(script: str) -> None:
        namespace.kubectl("exec", pod_name, "--container=compute", "--", "sh", "-euc", script)

    def look_up() -> clusters.Object | None:
        """What virt-handler knows of the launcher, once it has heard that the domain runs; that comes after the start."""
        found = in_handler(namespace.cluster, node_name, "python3", "-c", LOOK_UP, pod_uid)
        status, launcher = json.loads(found.stdout)
        if status != 200 or launcher["domain"]["state"] != "running":
            return None
        assert launcher["name"] == NAME
        return dict(launcher)

    launcher = namespace.wait_for("virt-handler hears that the domain runs", 60, look_up)
    arguments = {"pid": launcher["pid"], "pod_uid": pod_uid, "name": f"{namespace.name}_{NAME}", "state": "running"}
    task = ["ansible", "localhost", "-m", "playvirt.core.libvirt_domain", "-a", json.dumps(arguments)]

    in_launcher(f"mv {SOCKET} {SOCKET}.kept && ln -s {PRIZE} {SOCKET}")
    refused = in_handler(namespace.cluster, node_name, *task)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "is a link, which is never followed" in refused.stdout

    in_launcher(f"rm {SOCKET} && mv {SOCKET}.kept {SOCKET}")
    done = in_handler(namespace.cluster, node_name, *task)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"state": "running"' in done.stdout
