"""The policy that keeps a virt-handler to its node, in a real API server with the permissions of the installation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import kinds, names
from ansible_collections.playvirt.core.plugins.module_utils.installation import drift, node_restriction, rbac
from ansible_collections.playvirt.core.tests.integration import bare_api_server, virt_api_process

pytestmark = pytest.mark.integration

NAMESPACE = virt_api_process.NAMESPACE
VMIS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances"
MERGE = "application/merge-patch+json"


def _act_as(api: bare_api_server.BareAPIServer, account: str, node: str | None) -> str:
    """A user of `api.kubectl` who is a component's account, with a token as a pod on that node has it."""
    config = json.loads(api.kubeconfig().read_text())
    user = config["users"][0]["user"]
    user["as"] = f"system:serviceaccount:{NAMESPACE}:{account}"
    if node is not None:
        user["as-user-extra"] = {"authentication.kubernetes.io/node-name": [node]}
    name = f"{account}-{node}"
    api.kubeconfig(name).write_text(json.dumps(config))
    return name


def _patch(api: bare_api_server.BareAPIServer, user: str, what: str, patch: dict[str, Any], *more: str) -> str:
    return api.kubectl("patch", what, "--type=merge", "--patch", json.dumps(patch), *more, user=user)


@pytest.fixture(scope="module")
def installed(api_server: bare_api_server.BareAPIServer) -> bare_api_server.BareAPIServer:
    """Permissions and policy, nodes `one` and `two`, and an instance that runs on `one`."""
    api_server.load_crds("crds/kubevirt.io_virtualmachineinstances.yaml")
    api_server.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    for obj in (*rbac.render_component_rbac(NAMESPACE), *node_restriction.render(NAMESPACE)):
        resource = kinds.resource(obj["apiVersion"], obj["kind"])
        api_server.request("POST", resource.path(namespace=obj["metadata"].get("namespace")), obj)
    for node in ("one", "two"):
        api_server.request("POST", "/api/v1/nodes", {"metadata": {"name": node}})
    vmi = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "guest"},
        "spec": {"domain": {"devices": {}}},
    }
    api_server.request("POST", VMIS, vmi)
    api_server.request("PATCH", f"{VMIS}/guest/status", {"status": {"nodeName": "one"}}, content_type=MERGE)
    return api_server


def test_a_virt_handler_changes_the_instances_and_the_node_it_is_on(installed: bare_api_server.BareAPIServer) -> None:
    one, two = (_act_as(installed, rbac.HANDLER, node) for node in ("one", "two"))
    status, labels = {"status": {"phase": "Running"}}, {"metadata": {"labels": {"a": "b"}}}

    def refused(user: str, what: str, patch: dict[str, Any], *more: str) -> str:
        with pytest.raises(bare_api_server.APIServerError) as caught:
            _patch(installed, user, what, patch, *more)
        return str(caught.value)

    def in_force() -> None:
        assert node_restriction.INSTANCES in refused(two, "vmi/guest", status, "--subresource=status")

    virt_api_process.until(in_force)
    _patch(installed, one, "vmi/guest", status, "--subresource=status")
    assert node_restriction.NODES in refused(one, "node/two", labels)
    _patch(installed, one, "node/one", labels)
    # The target of a migration has the instance too.
    target = {"status": {"migrationState": {"targetNode": "two"}}}
    assert node_restriction.INSTANCES in refused(two, "vmi/guest", target, "--subresource=status")
    installed.request("PATCH", f"{VMIS}/guest/status", target, content_type=MERGE)
    _patch(installed, two, "vmi/guest", {"status": {"phase": "Scheduled"}}, "--subresource=status")


def test_what_is_applied_reads_back_as_it_was_meant(installed: bare_api_server.BareAPIServer) -> None:
    """What the API server fills in is no difference that virt-operator would put right again and again."""
    for wanted in (*rbac.render_component_rbac(NAMESPACE), *node_restriction.render(NAMESPACE)):
        meta, resource = wanted["metadata"], kinds.resource(wanted["apiVersion"], wanted["kind"])
        found = installed.request("GET", resource.path(namespace=meta.get("namespace"), name=meta["name"]))
        assert drift.is_as_wanted(wanted, {**found, "apiVersion": wanted["apiVersion"], "kind": wanted["kind"]})
        assert names.MANAGED_BY in found["metadata"]["labels"]


def test_nobody_else_is_kept_to_a_node(installed: bare_api_server.BareAPIServer) -> None:
    status = {"status": {"phase": "Running"}}
    for user in (_act_as(installed, rbac.CONTROLLER, "two"), _act_as(installed, rbac.HANDLER, None)):
        _patch(installed, user, "vmi/guest", status, "--subresource=status")
