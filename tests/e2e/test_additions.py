"""Additions of an installation: what an administrator writes into the KubeVirt is in launcher pods, domains and guests, with the values of a namespace.

Not in scope: what is refused (unit tests, admission).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME = "grown"
PATTERN = "[A-Z]{2}-[0-9]{4}"
ADDITIONS = {
    "variables": [{"name": "cost-center", "pattern": PATTERN}],
    "domain": [
        {
            "name": "oem-strings",
            "parent": "sysinfo",
            "matchLabels": {"e2e": NAME},
            "xml": "<oemStrings><entry>cost-center:${cost-center}</entry></oemStrings>",
        }
    ],
    "launcherPod": [
        {
            "name": "accounting",
            "matchLabels": {"e2e": NAME},
            "metadata": {"annotations": {"example.com/cost-center": "${cost-center}"}},
        }
    ],
}


@pytest.fixture
def additions(cluster: clusters.Cluster) -> Iterator[None]:
    """The installation has the additions for the instances of this story."""
    kubevirt = cluster.get("KubeVirt", "kubevirt", clusters.INSTALLATION)
    cluster.patch(kubevirt, {"spec": {"configuration": {"additions": ADDITIONS}}})
    try:
        yield
    finally:
        cluster.patch(kubevirt, {"spec": {"configuration": {"additions": None}}})


def set_cost_center(namespace: namespaces.Namespace, value: str) -> None:
    metadata = {"name": "playvirt-variables"}
    namespace.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"cost-center": value}})


def test_additions(namespace: namespaces.Namespace, additions: None) -> None:
    """Without a value, and with one that is not allowed, the instance waits and says for what; then pod and guest have it."""

    def message() -> str:
        return str(clusters.condition(namespace.instance(NAME), "Synchronized").get("message"))

    made = machines.instance(NAME)
    made["metadata"]["labels"] = {"e2e": NAME}
    namespace.apply(made)
    needed = f"needs 'cost-center': set it in ConfigMap 'playvirt-variables' of namespace '{namespace.name}'"
    namespace.wait_for("word of the missing value", 120, lambda: needed in message())
    set_cost_center(namespace, "<evil/>")
    refused = f"'cost-center' is '<evil/>', which does not match '{PATTERN}'"
    namespace.wait_for("word of the wrong value", 120, lambda: refused in message())
    assert namespace.launcher(NAME) is None

    set_cost_center(namespace, "DE-0042")
    namespace.wait_running(NAME)
    pod = namespace.launcher(NAME)
    assert pod is not None
    assert pod["metadata"]["annotations"]["example.com/cost-center"] == "DE-0042"
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        assert "cost-center:DE-0042" in console.run("grep -ao 'cost-center:[A-Z0-9-]*' /sys/firmware/dmi/tables/DMI")


def test_wrong_additions_are_refused(cluster: clusters.Cluster) -> None:
    """The API server refuses a KubeVirt with an addition that cannot be, and names the field."""
    patch = {"spec": {"configuration": {"additions": {"domain": [{"name": "a", "xml": "<a>"}]}}}}
    where = ("patch", "kubevirt", "kubevirt", "--namespace", clusters.INSTALLATION, "--type=merge")
    done = cluster.run("kubectl", *where, "--patch", json.dumps(patch), check=False)
    assert done.returncode != 0
    assert "spec.configuration.additions.domain[0].xml is not XML: mismatched tag" in done.stderr
