"""The installation as an administrator sees it: who is Ready, who leads, what a second installation and an uninstallation do, what the API refuses.

In scope: the installation that is there. Not in scope: installing into an empty cluster and removing everything (molecule, roles operator and kubevirt).
"""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.installation import webhooks
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

TAKEOVER_SECONDS = 120
STANDBY_SECONDS = 240
CLUSTER_WIDE = ("CustomResourceDefinition", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
INSTALLED = ("Deployment", "DaemonSet", "Service", "ServiceAccount", "Secret", "Role", "RoleBinding", *CLUSTER_WIDE)


def test_ready_columns(cluster: clusters.Cluster) -> None:
    """`kubectl get pods`: virt-operator 1/1, both virt-api 1/1, one virt-controller 1/1, its standby 0/1, a virt-handler 1/1 on each node.

    The Lease names the Ready virt-controller.
    """
    handlers = ["1/1"] * len(cluster.find_all("Node"))

    def settled() -> list[list[str]] | None:
        """The rows of the listing once they read as they should; a story before this one may have had the components started anew."""
        lines = cluster.kubectl("get", "pods", "--namespace", clusters.INSTALLATION, "--no-headers").splitlines()
        rows = [line.split() for line in lines]
        ready = {
            component: sorted(fields[1] for fields in rows if fields[0].startswith(f"{component}-"))
            for component in clusters.COMPONENTS
        }
        wanted = {
            "virt-operator": ["1/1"],
            "virt-api": ["1/1", "1/1"],
            "virt-controller": ["0/1", "1/1"],
            "virt-handler": handlers,
        }
        if ready != wanted or {fields[2] for fields in rows} != {"Running"}:
            return None
        [active] = [fields[0] for fields in rows if fields[0].startswith("virt-controller-") and fields[1] == "1/1"]
        return rows if cluster.active_controller() == active else None

    cluster.wait_for("Running, READY 1/1 for all but the standby's 0/1, the Lease with the Ready one", 180, settled)
    listed = cluster.kubectl("get", "kubevirt", "--namespace", clusters.INSTALLATION, "--no-headers").split()
    assert [listed[0], listed[2]] == ["kubevirt", "Deployed"]


def test_standby_takes_over(namespace: namespaces.Namespace) -> None:
    """When the active virt-controller's pod is deleted, another replica works soon, and the lost one's place is filled.

    The Lease is given up at once, so both the standby and the replica that fills the place may get it; either is as good.
    """
    cluster = namespace.cluster
    before = cluster.active_controller()
    cluster.kubectl("delete", "pod", "--namespace", clusters.INSTALLATION, str(before), "--wait=false")
    namespace.create(machines.instance("orphan", node_selector={"nowhere": "at-all"}))

    def has_another_leader() -> bool:
        living = {pod["metadata"]["name"] for pod in cluster.component_pods("virt-controller")}
        return cluster.active_controller() in living - {before}

    cluster.wait_for("another leader", TAKEOVER_SECONDS, has_another_leader)
    namespace.wait_for("launcher pod made by the new leader", TAKEOVER_SECONDS, lambda: namespace.launcher("orphan"))

    def has_standby() -> bool:
        return len(cluster.component_pods("virt-controller")) == 2 and cluster.is_ready()

    cluster.wait_for("a new standby", STANDBY_SECONDS, has_standby)


def versions(cluster: clusters.Cluster) -> dict[str, str]:
    """The generation, or else the version, of everything that is installed."""
    found = {}
    for kind in INSTALLED:
        namespace = None if kind in CLUSTER_WIDE else clusters.INSTALLATION
        for obj in cluster.find_all(kind, namespace, labels="app.kubernetes.io/managed-by=playvirt"):
            meta = obj["metadata"]
            found[f"{kind}/{meta['name']}"] = str(meta.get("generation") or meta["resourceVersion"])
    return found


def authorities(cluster: clusters.Cluster) -> set[str]:
    """The authorities that the API server trusts when it asks virt-api, of every place that says so."""
    definition = cluster.get("CustomResourceDefinition", webhooks.DEFINITION)
    configurations = [
        cluster.get("MutatingWebhookConfiguration", webhooks.MUTATOR),
        cluster.get("ValidatingWebhookConfiguration", webhooks.VALIDATOR),
    ]
    clients = [hook["clientConfig"] for obj in configurations for hook in obj["webhooks"]]
    clients.append(definition["spec"]["conversion"]["webhook"]["clientConfig"])
    return {client.get("caBundle", "") for client in clients}


def test_install_again(cluster: clusters.Cluster) -> None:
    """`make install-playvirt` on an installation that is up to date changes nothing; whom the API server trusts to be virt-api stays."""
    before, trusted = versions(cluster), authorities(cluster)
    assert len(before) > 5
    assert len(trusted) == 1
    assert "" not in trusted
    done = cluster.run("make", "install-playvirt", seconds=600)
    recap = re.search(r"^localhost\s*:.*\bchanged=(\d+)\b.*\bfailed=(\d+)\b", done.stdout, re.MULTILINE)
    assert recap is not None, done.stdout
    assert recap.groups() == ("0", "0"), done.stdout
    assert versions(cluster) == before
    assert authorities(cluster) == trusted


def test_uninstall_refuses(namespace: namespaces.Namespace) -> None:
    """`make uninstall-playvirt` stops while an instance exists, and says which and what to do."""
    namespace.create(machines.instance("in-the-way", node_selector={"nowhere": "at-all"}))
    before = versions(namespace.cluster)
    done = namespace.cluster.run("make", "uninstall-playvirt", seconds=300, check=False)
    assert done.returncode != 0
    assert "in-the-way" in done.stdout
    assert "FORCE=1" in done.stdout
    assert versions(namespace.cluster) == before
    assert namespace.instance("in-the-way") is not None


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (
            ("spec", "template", "spec", "domain", "devices", "watchdogg"),
            {},
            'unknown field "spec.template.spec.domain.devices.watchdogg"',
        ),
        (
            ("spec", "template", "spec", "domain", "devices", "clientPassthrough"),
            {},
            "spec.template.spec.domain.devices.clientPassthrough is not supported by playvirt yet",
        ),
        (
            ("spec", "template", "spec", "evictionStrategy"),
            "LiveMigrate",
            "spec.template.spec.evictionStrategy 'LiveMigrate' is not supported by playvirt yet; supported: None",
        ),
        (
            ("spec", "runStrategy"),
            "Manual",
            "spec.runStrategy 'Manual' is not supported by playvirt yet; supported: Always, Halted, Once",
        ),
        (("spec", "runStrategy"), "Sometimes", "Invalid RunStrategy (Sometimes)"),
        (("spec", "template", "spec", "domain", "memory", "guest"), "much", "spec.template.spec.domain.memory.guest"),
        (("spec", "running"), True, "Running and RunStrategy are mutually exclusive."),
    ],
    ids=[
        "unknown",
        "unsupported-device",
        "unsupported-strategy",
        "unsupported-value",
        "unknown-value",
        "no-quantity",
        "both",
    ],
)
def test_manifest_is_refused(namespace: namespaces.Namespace, path: tuple[str, ...], value: object, told: str) -> None:
    """`kubectl apply` of a manifest with a field that playvirt does not act on fails at once and names the field."""
    manifest = machines.machine("refused", run_strategy="Halted")
    place = manifest
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    argv = ("kubectl", "apply", "--namespace", namespace.name, "-f", "-")
    done = namespace.cluster.run(*argv, stdin=json.dumps(manifest), check=False)
    assert done.returncode != 0
    assert told in done.stderr
    assert namespace.find("VirtualMachine", "refused") is None
