"""virt-api's manifests: what it is started with, how it is confined, which requests the API server sends it, and which never."""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.images.virt_api import options
from ansible_collections.playvirt.core.plugins.module_utils.admission import judge, mutate, review
from ansible_collections.playvirt.core.plugins.module_utils.api import crds
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings, virt_api, webhooks

SETTINGS = settings.Settings(registry="reg.example/p", tag="v1", namespace="ns", pull_policy="Never")
MUTATING, VALIDATING = webhooks.render_configurations(SETTINGS, "YQ==")


def test_virt_api_understands_its_arguments_and_finds_its_files() -> None:
    deployment = virt_api.render_deployment(SETTINGS)
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    given = options.parse(container["args"], {"POD_NAMESPACE": "ns"})
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts[str(given.certificate_directory)] == "certificates"
    assert {volume["name"] for volume in spec["volumes"]} == set(mounts.values())
    ports = {port["name"]: f":{port['containerPort']}" for port in container["ports"]}
    assert (given.address, given.health_address) == (ports["webhooks"], ports["health"])
    assert given.leave + given.drain < spec["terminationGracePeriodSeconds"]
    assert container["securityContext"]["runAsNonRoot"] is True
    assert spec["serviceAccountName"] == "kubevirt-apiserver"


def test_the_service_and_the_budget_select_its_pods() -> None:
    labels = virt_api.render_deployment(SETTINGS)["spec"]["template"]["metadata"]["labels"]
    service, budget, deployment = virt_api.render(SETTINGS)
    assert service["spec"]["selector"].items() <= labels.items()
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert deployment["spec"]["replicas"] == 2


def _asked(configuration: dict[str, Any]) -> set[tuple[str, str]]:
    """Kind and operation of every request that is sent."""
    plurals = {kind.plural: kind for kind in crds.KINDS}
    found = set()
    for hook in configuration["webhooks"]:
        (rule,) = hook["rules"]
        (plural,) = rule["resources"]
        kind = plurals[plural]
        assert rule["apiGroups"] == [kind.group]
        assert set(rule["apiVersions"]) == {version.name for version in kind.versions}
        assert hook["matchPolicy"] == "Exact"
        assert hook["failurePolicy"] == ("Ignore" if kind.kind == "KubeVirt" else "Fail")
        found |= {(kind.kind, operation) for operation in rule["operations"]}
    return found


def test_every_kind_is_asked_about_when_it_is_made_and_changed() -> None:
    both = ("CREATE", "UPDATE")
    assert _asked(VALIDATING) == {(kind, operation) for kind in judge.VALIDATED for operation in both}
    late = {(kind, "UPDATE") for kind in mutate.MUTATED_ON_UPDATE}
    assert _asked(MUTATING) == {(kind, "CREATE") for kind in mutate.MUTATED} | late
    assert {kind.kind for kind in crds.KINDS} == set(judge.VALIDATED)


def test_names_are_kubevirts_and_unlike() -> None:
    names = [hook["name"] for configuration in (MUTATING, VALIDATING) for hook in configuration["webhooks"]]
    assert len(set(names)) == len(names)
    assert "virtualmachine-validator.kubevirt.io" in names
    assert "virtualmachineinstances-mutator.kubevirt.io" in names


def test_own_accounts_and_what_is_being_deleted_are_not_asked_about() -> None:
    for hook in (*MUTATING["webhooks"], *VALIDATING["webhooks"]):
        deleted, own = (condition["expression"] for condition in hook["matchConditions"])
        assert deleted == "request.operation == 'CREATE' || !has(object.metadata.deletionTimestamp)"
        named = [account for account in review.own_accounts("ns") if f"'{account}'" in own]
        assert [account.rpartition(":")[2] for account in named] == [
            "kubevirt-controller",
            "kubevirt-handler",
            "kubevirt-operator",
        ]


def test_conversion_asks_the_same_service() -> None:
    client = webhooks.conversion_patch(SETTINGS, "YQ==")["spec"]["conversion"]["webhook"]["clientConfig"]
    definition = crds.definitions("ns")["kubevirt.io_virtualmachines.yaml"]
    assert client["service"] == definition["spec"]["conversion"]["webhook"]["clientConfig"]["service"]
    assert webhooks.definition()["metadata"]["name"] == definition["metadata"]["name"]
