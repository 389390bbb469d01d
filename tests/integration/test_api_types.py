"""The definitions in crds/ in a real API server: they are structural, explain themselves, and refuse what they should; schema_check says the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import crds, schema_check
from ansible_collections.playvirt.core.tests.integration import bare_api_server, wrong_objects

ETCD_LIMIT_BYTES = 1536 * 1024
_KINDS = {kind.kind: kind for kind in crds.KINDS}
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"


@pytest.fixture(scope="module")
def served(api_server: bare_api_server.BareAPIServer) -> bare_api_server.BareAPIServer:
    api_server.load_crds("crds")
    return api_server


def _post(api: bare_api_server.BareAPIServer, obj: dict[str, Any]) -> None:
    kind = _KINDS[obj["kind"]]
    namespace = f"namespaces/{obj['metadata']['namespace']}/" if kind.namespaced else ""
    path = f"/apis/{obj['apiVersion']}/{namespace}{kind.plural}?dryRun=All&fieldValidation=Strict"
    api.request("POST", path, obj)


def _refusal(api: bare_api_server.BareAPIServer, obj: dict[str, Any]) -> dict[str, Any]:
    with pytest.raises(bare_api_server.APIServerError) as refused:
        _post(api, obj)
    text = str(refused.value)
    status: dict[str, Any] = json.loads(text[text.index("{") :])
    return status


def _name(case: wrong_objects.Case) -> str:
    return case.name


@pytest.mark.parametrize("kind", crds.KINDS, ids=lambda kind: str(kind.kind))
def test_the_definition_is_structural_and_small_enough(served: bare_api_server.BareAPIServer, kind: crds.Kind) -> None:
    stored = served.request("GET", f"{_DEFINITIONS}{kind.plural}.{kind.group}")
    conditions = {found["type"]: found["status"] for found in stored["status"]["conditions"]}
    assert conditions["Established"] == conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions
    assert "KubernetesAPIApprovalPolicyConformant" not in conditions
    assert len(json.dumps(stored)) < ETCD_LIMIT_BYTES / 2


@pytest.mark.parametrize("case", wrong_objects.REFUSED, ids=_name)
def test_wrong_objects_are_refused_with_all_causes(
    served: bare_api_server.BareAPIServer, case: wrong_objects.Case
) -> None:
    status = _refusal(served, case.obj)
    assert status["code"] == 422
    causes = {(cause["field"], cause["reason"], cause["message"]) for cause in status["details"]["causes"]}
    # Of a quantity of a wrong type the API server says the same thing three times, once for each schema it tried.
    told = {cause for cause in causes if cause[0] != "<nil>"}
    expected = set(case.causes)
    assert expected <= told
    assert {field for field, _, _ in told} == {field for field, _, _ in expected}
    if causes == told:
        assert told == expected


@pytest.mark.parametrize("case", wrong_objects.ACCEPTED, ids=_name)
def test_near_misses_are_accepted(served: bare_api_server.BareAPIServer, case: wrong_objects.Case) -> None:
    _post(served, case.obj)


@pytest.mark.parametrize(("obj", "fields"), wrong_objects.UNKNOWN)
def test_unknown_fields_are_named(served: bare_api_server.BareAPIServer, obj: dict[str, Any], fields: str) -> None:
    status = _refusal(served, obj)
    assert status["code"] == 400
    named = ", ".join(cause.message for cause in sorted(schema_check.check_object(obj), key=lambda cause: cause.field))
    assert status["message"].endswith(f"strict decoding error: {named}")


def test_fields_explain_themselves(served: bare_api_server.BareAPIServer) -> None:
    text = served.kubectl("explain", "vm.spec.template.spec.domain.devices.disks.cdrom")
    assert "Show the volume as a CD-ROM." in text
    assert "enum: open, closed" in text
    assert "How the drive's tray stands at the start; closed unless said." in " ".join(text.split())
    oldest = served.kubectl("explain", "--api-version=kubevirt.io/v1alpha1", "vm.spec.domain.devices.disks")
    assert "volumeName" in oldest


def test_short_names_categories_and_columns(served: bare_api_server.BareAPIServer) -> None:
    _, _, lines = served.kubectl("api-resources", "--no-headers=false").partition("\n")
    for kind in crds.KINDS:
        line = next(line for line in lines.splitlines() if line.startswith(f"{kind.plural} "))
        assert ",".join(kind.short_names) in line
    vm = {**wrong_objects.ACCEPTED[0].obj, "kind": "VirtualMachineInstance"}
    served.request("POST", "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances", vm)
    wide = served.kubectl("get", "vmi", "-o", "wide")
    assert " ".join(wide.split("\n")[0].split()) == "NAME AGE PHASE IP NODENAME READY LIVE-MIGRATABLE PAUSED"
    assert "virtualmachineinstance.kubevirt.io/case" in served.kubectl("get", "all", "-o", "name")


def test_a_replica_set_is_scaled_and_keeps_its_status_apart(served: bare_api_server.BareAPIServer) -> None:
    replica_set = next(case.obj for case in wrong_objects.ACCEPTED if case.name == "replica set")
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancereplicasets"
    served.request("POST", path, {**replica_set, "status": {"replicas": 9}})
    served.kubectl("scale", "vmirs/case", "--replicas=3")
    found = served.request("GET", f"{path}/case")
    assert found["spec"]["replicas"] == 3
    assert "status" not in found
    status = {"status": {"replicas": 2, "labelSelector": "a=b"}}
    served.request("PATCH", f"{path}/case/status", status, content_type="application/merge-patch+json")
    scale = served.request("GET", f"{path}/case/scale")
    assert (scale["spec"], scale["status"]) == ({"replicas": 3}, {"replicas": 2, "selector": "a=b"})


def test_older_versions_warn(served: bare_api_server.BareAPIServer) -> None:
    definition = served.request("GET", f"{_DEFINITIONS}virtualmachines.kubevirt.io")
    warnings = {version["name"]: version.get("deprecationWarning") for version in definition["spec"]["versions"]}
    assert warnings["v1"] is None
    assert warnings["v1alpha3"] == "kubevirt.io/v1alpha3 is now deprecated and will be removed in a future release."
    assert "kubevirt.io/v1" in str(warnings["v1alpha1"])


def test_server_side_apply_takes_definitions_that_are_too_large_for_client_side_apply(
    served: bare_api_server.BareAPIServer,
) -> None:
    file = str(bare_api_server.ROOT / "crds/kubevirt.io_virtualmachines.yaml")
    served.kubectl("apply", "--server-side", "--force-conflicts", "-f", file)
    with pytest.raises(bare_api_server.APIServerError, match="Too long"):
        served.kubectl("apply", "-f", file)
