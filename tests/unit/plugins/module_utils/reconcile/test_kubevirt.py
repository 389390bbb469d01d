"""virt-operator's decisions for a KubeVirt: from nothing to Deployed, an update, repairs by hand, refusals, removal."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, crds, kinds
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings, virt_operator
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import plan, planners
from ansible_collections.playvirt.core.tests.unit.fakes import cluster as fake

NOW = "2030-01-01T00:10:00Z"
PLANNER = planners.PLANNERS["kubevirt"]
SERVED = {(found.api_version, found.kind) for found in kinds.RESOURCES.values()}


class Installation:
    """A cluster with virt-operator and one KubeVirt; takes the steps of plans, and plays the controllers of Deployments and DaemonSets."""

    def __init__(self, *, tag: str = "v1") -> None:
        self.cluster = fake.Cluster()
        wanted = settings.Settings(registry="reg", tag=tag, use_emulation=True)
        self.kubevirt = virt_operator.render_kubevirt(wanted)
        self.kubevirt["metadata"] |= {"uid": "u-kv", "generation": 1, "creationTimestamp": "2030-01-01T00:00:00Z"}
        self.cluster.put(self.kubevirt)
        self.put_operator(tag)
        self.definition = self.cluster.put(crds.definitions()["kubevirt.io_virtualmachines.yaml"])

    def put_operator(self, tag: str) -> dict[str, Any]:
        operator = virt_operator.render_deployment(settings.Settings(registry="reg", tag=tag))
        operator["metadata"]["generation"] = 1
        operator["status"] = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}
        return self.cluster.put(operator)

    def object(self, kind: str, name: str) -> dict[str, Any] | None:
        namespace = None if kind.startswith("Cluster") or kind.endswith("WebhookConfiguration") else "kubevirt"
        return self.cluster.objects.get((kind, namespace, name))

    def decide(self, now: str = NOW) -> plan.Plan:
        return PLANNER.plan(self.kubevirt, PLANNER.observe(self.kubevirt, self.cluster), now)

    def take(self, decision: plan.Plan) -> None:
        """Do what the role does."""
        for name, step in decision.steps.items():
            if name.endswith("finalizer"):
                wanted = [step["finalizer"]] if name == "add_finalizer" else []
                self.kubevirt["metadata"]["finalizers"] = wanted
            if name == "issue_certificates":
                self.put_certificates()
            if name == "register_webhooks":
                self.definition["spec"] |= step["patch"]["spec"]
            for obj in step.get("objects", []):
                if name.startswith("remove"):
                    self.cluster.remove(obj)
                else:
                    self._apply(copy.deepcopy(obj))
        if decision.status is not None:
            self.kubevirt["status"] = dict(decision.status)

    def put_certificates(self, again: str = "2030-02-01T00:00:00Z", bundle: str = "YnVuZGxl") -> None:
        """What module component_certificates leaves."""
        for name in ("kubevirt-ca", "kubevirt-virt-api-certs"):
            data = {"tls.crt": "eA==", "tls.key": "eA==", "bundle.crt": bundle}
            meta = {"name": name, "namespace": "kubevirt", "annotations": {"playvirt.io/renew-after": again}}
            self.cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})

    def _apply(self, obj: dict[str, Any]) -> None:
        assert (obj["apiVersion"], obj["kind"]) in SERVED
        old = self.object(obj["kind"], obj["metadata"]["name"]) or {}
        obj["metadata"]["generation"] = old.get("metadata", {}).get("generation", 0) + 1
        obj["status"] = old.get("status", {})
        self.cluster.put(obj)

    def run_pods(self, *, holder: str = "virt-controller-a") -> None:
        """All components come up with their present templates; `holder` takes the Lease."""
        self.run_api()
        deployment, daemonset = self.object("Deployment", "virt-controller"), self.object("DaemonSet", "virt-handler")
        assert deployment is not None
        assert daemonset is not None
        for name in ("virt-controller-a", "virt-controller-b"):
            self.put_pod(name, deployment)
        deployment["status"] = {"observedGeneration": deployment["metadata"]["generation"], "availableReplicas": 1}
        self.put_lease(holder)
        daemonset["status"] = {
            "observedGeneration": daemonset["metadata"]["generation"],
            "desiredNumberScheduled": 2,
            "updatedNumberScheduled": 2,
            "numberAvailable": 2,
        }

    def run_api(self) -> None:
        api = self.object("Deployment", "virt-api")
        assert api is not None
        self.put_pod("virt-api-a", api)
        observed = api["metadata"]["generation"]
        api["status"] = {"observedGeneration": observed, "availableReplicas": 2, "updatedReplicas": 2}

    def put_pod(self, name: str, owner: dict[str, Any], **status: Any) -> dict[str, Any]:
        meta = owner["spec"]["template"]["metadata"]
        pod = {"name": name, "namespace": "kubevirt", **copy.deepcopy(meta)}
        return self.cluster.put(
            {"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": {}, "status": {"phase": "Running", **status}}
        )

    def put_lease(self, holder: str, renewed: str = "2030-01-01T00:09:58.123456Z") -> None:
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed}
        meta = {"name": "virt-controller", "namespace": "kubevirt"}
        self.cluster.put({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec})

    def deployed(self) -> Installation:
        """Until everything works."""
        self.take(self.decide())
        self.run_pods()
        self.take(self.decide())
        self.take(self.decide())
        assert self.kubevirt["status"]["phase"] == "Deployed"
        return self

    def condition(self, kind: str) -> tuple[str, str]:
        found = conditions.get(self.kubevirt["status"]["conditions"], kind)
        assert found is not None
        return found["status"], found["reason"]

    def message(self, kind: str = "Available") -> str:
        found = conditions.get(self.kubevirt["status"]["conditions"], kind)
        assert found is not None
        return str(found["message"])


def test_first_the_plan_deploys_everything() -> None:
    installation = Installation()
    decision = installation.decide()
    assert list(decision.steps) == [
        "add_finalizer",
        "apply_permissions",
        "issue_certificates",
        "deploy_api",
        "deploy_controller",
        "deploy_handler",
    ]
    installation.take(decision)
    status = installation.kubevirt["status"]
    assert (status["phase"], status["targetKubeVirtVersion"]) == ("Deploying", "v1")
    assert "observedKubeVirtVersion" not in status
    assert installation.condition("Available") == ("False", "DeploymentInProgress")
    assert installation.condition("Progressing") == ("True", "DeploymentInProgress")
    assert installation.condition("Degraded") == ("False", "DeploymentInProgress")
    assert installation.kubevirt["metadata"]["finalizers"] == ["foregroundDeleteKubeVirt"]


def test_what_lives_in_the_namespace_belongs_to_the_kubevirt() -> None:
    objects = [obj for step in Installation().decide().steps.values() for obj in step.get("objects", [])]
    owners = {
        f"{obj['kind']}/{obj['metadata']['name']}": [o["uid"] for o in obj["metadata"].get("ownerReferences", [])]
        for obj in objects
    }
    assert owners["Deployment/virt-controller"] == owners["DaemonSet/virt-handler"] == ["u-kv"]
    assert owners["ClusterRole/kubevirt-handler"] == []


def test_deployed_is_the_lease_and_the_daemonset() -> None:
    installation = Installation()
    installation.take(installation.decide())
    assert installation.decide().steps == {}
    installation.run_pods()
    decision = installation.decide()
    installation.take(decision)
    status = installation.kubevirt["status"]
    assert status["phase"] == "Deployed"
    assert (status["observedKubeVirtRegistry"], status["observedKubeVirtVersion"]) == ("reg", "v1")
    assert (status["operatorVersion"], status["observedGeneration"]) == ("v1", 1)
    assert installation.condition("Available") == ("True", "AllComponentsReady")
    assert installation.condition("Progressing") == ("False", "AllComponentsReady")
    assert installation.condition("Degraded") == ("False", "AllComponentsReady")
    assert decision.requeue_after == pytest.approx(29, abs=2)


def test_a_settled_installation_needs_nothing() -> None:
    installation = Installation().deployed()
    assert installation.decide().is_empty


@pytest.mark.parametrize(
    ("kind", "name", "step"),
    [
        ("ServiceAccount", "kubevirt-controller", "apply_permissions"),
        ("ClusterRole", "kubevirt-handler", "apply_permissions"),
        ("RoleBinding", "kubevirt-controller", "apply_permissions"),
        ("Deployment", "virt-controller", "deploy_controller"),
        ("DaemonSet", "virt-handler", "deploy_handler"),
    ],
)
def test_what_was_deleted_by_hand_comes_back(kind: str, name: str, step: str) -> None:
    installation = Installation().deployed()
    found = installation.object(kind, name)
    assert found is not None
    installation.cluster.remove(found)
    decision = installation.decide()
    assert [(name, [obj["kind"] for obj in data["objects"]]) for name, data in decision.steps.items()] == [
        (step, [kind])
    ]
    installation.take(decision)
    assert installation.kubevirt["status"]["phase"] == "Deployed"
    assert installation.condition("Available")[0] == ("True" if step == "apply_permissions" else "False")
    assert installation.decide().steps == {}


def test_what_was_changed_by_hand_is_put_right_and_what_was_added_stays() -> None:
    installation = Installation().deployed()
    deployment = installation.object("Deployment", "virt-controller")
    assert deployment is not None
    deployment["metadata"]["annotations"] = {"theirs": "1"}
    deployment["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"
    assert installation.decide().steps == {}
    deployment["spec"]["replicas"] = 0
    assert list(installation.decide().steps) == ["deploy_controller"]


def test_a_new_operator_updates_and_keeps_the_old_version_until_it_is_done() -> None:
    installation = Installation().deployed()
    installation.put_operator("v2")
    decision = installation.decide()
    assert list(decision.steps) == ["deploy_api", "deploy_controller", "deploy_handler"]
    installation.take(decision)
    status = installation.kubevirt["status"]
    assert (status["phase"], status["observedKubeVirtVersion"], status["targetKubeVirtVersion"]) == (
        "Deploying",
        "v1",
        "v2",
    )
    assert installation.condition("Degraded") == ("True", "UpdateInProgress")
    deployment = installation.object("Deployment", "virt-controller")
    assert deployment is not None
    deployment["status"]["observedGeneration"] = 2
    installation.take(installation.decide())
    assert "held by virt-controller-a, a pod of an earlier version" in installation.message()
    installation.run_pods()
    installation.take(installation.decide())
    assert installation.kubevirt["status"]["phase"] == "Deployed"
    assert installation.kubevirt["status"]["observedKubeVirtVersion"] == "v2"


def test_nothing_is_done_while_the_operator_itself_is_replaced() -> None:
    installation = Installation().deployed()
    operator = installation.put_operator("v2")
    operator["status"] = {"observedGeneration": 1, "updatedReplicas": 0}
    assert installation.decide().is_empty


def test_the_kubevirts_own_images_win() -> None:
    installation = Installation().deployed()
    installation.kubevirt["spec"] |= {"imageRegistry": "other", "imageTag": "v9", "imagePullPolicy": "Always"}
    (deployment,) = installation.decide().steps["deploy_controller"]["objects"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("other/playvirt:v9", "Always")


def test_a_lease_that_is_not_renewed_makes_it_unavailable_but_stays_deployed() -> None:
    installation = Installation().deployed()
    installation.take(installation.decide("2030-01-01T00:11:00Z"))
    assert installation.kubevirt["status"]["phase"] == "Deployed"
    assert installation.condition("Available") == ("False", "ComponentsNotReady")
    assert "no replica holds its Lease" in installation.message()


def test_a_lease_held_by_a_pod_that_is_gone_does_not_count() -> None:
    installation = Installation().deployed()
    installation.put_lease("virt-controller-z")
    installation.take(installation.decide())
    assert "held by virt-controller-z, which is gone" in installation.message()


def test_the_message_names_the_pods_trouble() -> None:
    installation = Installation()
    installation.take(installation.decide())
    daemonset = installation.object("DaemonSet", "virt-handler")
    assert daemonset is not None
    daemonset["status"] = {"observedGeneration": 1, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1}
    waiting = {"name": "virt-handler", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
    installation.put_pod("virt-handler-x", daemonset, containerStatuses=[waiting])
    installation.take(installation.decide())
    assert "available on 0 of 1 nodes (pod virt-handler-x: ErrImagePull: no such image)" in installation.message()


def test_there_is_one_installation() -> None:
    installation = Installation()
    older = copy.deepcopy(installation.kubevirt)
    older["metadata"] |= {"name": "first", "uid": "u-0", "creationTimestamp": "2029-01-01T00:00:00Z"}
    installation.cluster.put(older)
    decision = installation.decide()
    assert decision.steps == {}
    installation.take(decision)
    assert installation.condition("Synchronized") == ("False", "ExistingDeployment")
    assert "'kubevirt/first'" in installation.message("Synchronized")


def test_without_an_operator_beside_it_a_kubevirt_is_refused() -> None:
    installation = Installation()
    installation.cluster.remove(installation.put_operator("v1"))
    installation.take(installation.decide())
    assert installation.condition("Synchronized") == ("False", "OperatorNotFound")


def test_without_images_a_kubevirt_is_refused() -> None:
    installation = Installation()
    operator = installation.put_operator("v1")
    operator["spec"]["template"]["spec"]["containers"][0]["env"] = []
    installation.take(installation.decide())
    assert installation.condition("Synchronized") == ("False", "ImagesUnknown")
    assert "spec.imageRegistry" in installation.message("Synchronized")


def test_success_takes_a_failure_away() -> None:
    installation = Installation().deployed()
    installation.kubevirt["status"]["conditions"].append({"type": "Synchronized", "status": "False", "reason": "X"})
    installation.take(installation.decide())
    assert conditions.get(installation.kubevirt["status"]["conditions"], "Synchronized") is None


def test_deletion_goes_in_order_and_ends_with_the_finalizer() -> None:
    installation = Installation().deployed()
    installation.kubevirt["metadata"]["deletionTimestamp"] = NOW
    first = installation.decide()
    assert list(first.steps) == [
        "check_instances",
        "remove_webhooks",
        "remove_handler",
        "remove_controller",
        "remove_api",
    ]
    installation.take(first)
    assert installation.kubevirt["status"]["phase"] == "Deleting"
    assert installation.condition("Available") == ("False", "DeletionInProgress")
    waiting = installation.decide()
    assert waiting.steps == {}
    assert waiting.requeue_after == 5
    for name in ("virt-api-a", "virt-controller-a", "virt-controller-b"):
        pod = installation.object("Pod", name)
        assert pod is not None
        installation.cluster.remove(pod)
    last = installation.decide()
    assert list(last.steps) == ["remove_permissions", "remove_finalizer"]
    installation.take(last)
    kept = {(kind, name) for kind, _, name in installation.cluster.objects if kind != "CustomResourceDefinition"}
    assert kept == {("KubeVirt", "kubevirt"), ("Deployment", "virt-operator"), ("Lease", "virt-controller")}
    assert installation.decide().is_empty


@pytest.mark.parametrize("taken", range(5))
def test_a_removal_that_was_cut_goes_on_and_takes_the_webhooks_first(taken: int) -> None:
    installation = Installation().deployed()
    installation.kubevirt["metadata"] |= {
        "deletionTimestamp": NOW,
        "annotations": {"playvirt.io/force-uninstall": "true"},
    }
    first = installation.decide()
    order = list(first.steps)
    assert order[0] == "remove_webhooks"
    installation.take(plan.Plan(steps=dict(list(first.steps.items())[:taken])))
    rest = installation.decide()
    assert list(rest.steps) == order[taken:]
    installation.take(rest)
    left = {f"{kind}/{name}" for kind, _, name in installation.cluster.objects}
    assert not [name for name in left if "Webhook" in name or name.endswith("/virt-api")]


def test_deletion_by_force_does_not_look_for_instances() -> None:
    installation = Installation().deployed()
    installation.kubevirt["metadata"] |= {
        "deletionTimestamp": NOW,
        "annotations": {"playvirt.io/force-uninstall": "true"},
    }
    assert list(installation.decide().steps) == [
        "remove_webhooks",
        "remove_handler",
        "remove_controller",
        "remove_api",
    ]


def test_the_api_server_hears_of_virt_api_when_it_can_answer() -> None:
    installation = Installation()
    installation.take(installation.decide())
    assert installation.decide().steps == {}
    installation.run_api()
    decision = installation.decide()
    assert list(decision.steps) == ["register_webhooks"]
    step = decision.steps["register_webhooks"]
    bundles = {hook["clientConfig"]["caBundle"] for obj in step["objects"] for hook in obj["webhooks"]}
    assert bundles == {"YnVuZGxl"}
    assert step["patch"]["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"] == "YnVuZGxl"
    installation.take(decision)
    assert installation.decide().steps == {}


def test_a_definition_that_lost_its_authority_gets_it_again() -> None:
    installation = Installation().deployed()
    client = installation.definition["spec"]["conversion"]["webhook"]["clientConfig"]
    assert client["caBundle"] == "YnVuZGxl"
    installation.definition["spec"] |= crds.definitions()["kubevirt.io_virtualmachines.yaml"]["spec"]
    step = installation.decide().steps["register_webhooks"]
    assert step["objects"] == []
    assert step["patch"]["spec"]["conversion"]["webhook"]["clientConfig"] == client
    installation.take(installation.decide())
    assert installation.decide().is_empty


def test_without_the_definition_there_is_nothing_to_tell_it() -> None:
    installation = Installation().deployed()
    installation.cluster.remove(installation.definition)
    assert installation.decide().is_empty


def test_until_then_the_installation_is_not_complete() -> None:
    installation = Installation()
    installation.take(installation.decide())
    installation.run_pods()
    installation.cluster.remove({"kind": "Secret", "metadata": {"name": "kubevirt-ca", "namespace": "kubevirt"}})
    decision = installation.decide()
    assert list(decision.steps) == ["issue_certificates"]
    installation.kubevirt["status"] = dict(decision.status or {})
    assert "virt-api's webhooks are not registered yet" in installation.message()


def test_certificates_are_looked_at_when_their_time_has_come_and_bundles_follow() -> None:
    installation = Installation().deployed()
    assert installation.decide().steps == {}
    installation.put_certificates(again="2030-01-01T00:09:59Z")
    due = installation.decide().steps
    assert list(due) == ["issue_certificates"]
    assert due["issue_certificates"]["owner"]["uid"] == "u-kv"
    installation.put_certificates(bundle="bmV3")
    assert list(installation.decide().steps) == ["register_webhooks"]


def test_webhooks_are_put_right_also_while_virt_api_is_away() -> None:
    installation = Installation().deployed()
    api = installation.object("Deployment", "virt-api")
    validator = installation.object("ValidatingWebhookConfiguration", "virt-api-validator")
    assert api is not None
    assert validator is not None
    api["status"]["availableReplicas"] = 0
    validator["webhooks"][0]["failurePolicy"] = "Ignore"
    decision = installation.decide()
    assert list(decision.steps) == ["register_webhooks"]
    installation.take(decision)
    assert "virt-api: no replica is ready" in installation.message()


def test_what_is_removed_with_virt_api() -> None:
    installation = Installation().deployed()
    installation.kubevirt["metadata"]["deletionTimestamp"] = NOW
    steps = installation.decide().steps
    removed = [(obj["kind"], obj["metadata"]["name"]) for obj in steps["remove_api"]["objects"]]
    assert removed == [
        ("Deployment", "virt-api"),
        ("PodDisruptionBudget", "virt-api"),
        ("Service", "virt-api"),
        ("Secret", "kubevirt-ca"),
        ("Secret", "kubevirt-virt-api-certs"),
    ]
    assert {obj["kind"] for obj in steps["remove_webhooks"]["objects"]} == {
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    }
