"""What virt-operator does for a KubeVirt: deploy virt-api, virt-controller and virt-handler, tell how far it is, remove them again.

In: the KubeVirt, virt-operator's own Deployment (the version and images that it came with), everything that is deployed. Out: a Plan for the role
`kubevirt`. An object that is as its manifest says is left alone; one that was changed or deleted by hand is put right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.installation import (
    drift,
    node_restriction,
    rbac,
    virt_api,
    virt_controller,
    virt_handler,
    virt_operator,
    webhooks,
)
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import (
    component_state,
    kubevirt_status,
    plan,
    reading,
    webhook_registration,
)

STEPS = (
    "add_finalizer",
    "apply_permissions",
    "issue_certificates",
    "deploy_api",
    "deploy_controller",
    "deploy_handler",
    "register_webhooks",
    "check_instances",
    "remove_webhooks",
    "remove_handler",
    "remove_controller",
    "remove_api",
    "remove_permissions",
    "remove_finalizer",
)

#: an administrator's word that virtual machines may be left without an operator
FORCE_ANNOTATION = "playvirt.io/force-uninstall"
#: a deletion that waits (for instances to go, for pods to end) is looked at again after so long
DELETION_SECONDS = 5.0


def _wanted(
    kubevirt: Mapping[str, Any], settings: settings_types.Settings, bundle: str = ""
) -> dict[str, list[dict[str, Any]]]:
    """The manifests of each step that deploys; what lives in the KubeVirt's namespace belongs to it."""
    groups = {
        "apply_permissions": [
            *rbac.render_component_rbac(settings.namespace),
            *node_restriction.render(settings.namespace),
        ],
        "deploy_api": virt_api.render(settings),
        "deploy_controller": [virt_controller.render_deployment(settings)],
        "deploy_handler": [virt_handler.render_daemonset(settings)],
        "register_webhooks": webhooks.render_configurations(settings, bundle),
    }
    for manifest in (manifest for group in groups.values() for manifest in group):
        if manifest["metadata"].get("namespace"):
            manifest["metadata"]["ownerReferences"] = [metadata.controller_reference(kubevirt)]
    return groups


def _name(obj: Mapping[str, Any]) -> str:
    return str(metadata.meta(obj)["name"])


def _key(obj: Mapping[str, Any]) -> str:
    return f"{obj['kind']}/{_name(obj)}"


def _names(kubevirt: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Everything that is deployed for a KubeVirt, whatever the version."""
    anything = settings_types.Settings(registry="", tag="", namespace=metadata.meta(kubevirt)["namespace"])
    return [manifest for group in _wanted(kubevirt, anything).values() for manifest in group]


def observe(kubevirt: Mapping[str, Any], reader: reading.Reader) -> dict[str, Any]:
    """virt-operator's Deployment, every KubeVirt, the objects deployed (by `Kind/name`), certificates, VirtualMachine's definition, the Lease and the pods."""
    namespace = metadata.meta(kubevirt)["namespace"]
    found = {
        _key(wanted): reader.get(
            wanted["apiVersion"], wanted["kind"], metadata.meta(wanted).get("namespace"), metadata.meta(wanted)["name"]
        )
        for wanted in _names(kubevirt)
    }

    def pods(component: str) -> list[dict[str, Any]]:
        return reader.list("v1", "Pod", namespace=namespace, labels={names.APP: component})

    return {
        "operator": reader.get("apps/v1", "Deployment", namespace, virt_operator.NAME),
        "kubevirts": reader.list(kinds.KUBEVIRT, "KubeVirt"),
        "objects": {key: obj for key, obj in found.items() if obj is not None},
        "secrets": {name: reader.get("v1", "Secret", namespace, name) for name in webhook_registration.names()},
        "definition": reader.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, webhooks.DEFINITION),
        "lease": reader.get("coordination.k8s.io/v1", "Lease", namespace, virt_controller.NAME),
        "api_pods": pods(virt_api.NAME),
        "controller_pods": pods(virt_controller.NAME),
        "handler_pods": pods(virt_handler.NAME),
    }


def _changed(kubevirt: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any] | None:
    return None if dict(status) == (kubevirt.get("status") or {}) else dict(status)


def _refused(kubevirt: Mapping[str, Any], reason: str, message: str, now: str) -> plan.Plan:
    """Nothing is done for this object; its status says why."""
    status = kubevirt_status.not_synchronized(kubevirt, reason, message, now=now)
    return plan.Plan(status=_changed(kubevirt, status))


def _other(kubevirt: Mapping[str, Any], kubevirts: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """An older KubeVirt of the cluster: there can be one installation."""

    def age(obj: Mapping[str, Any]) -> tuple[str, str]:
        return metadata.meta(obj).get("creationTimestamp", ""), metadata.meta(obj).get("uid", "")

    return next((other for other in kubevirts if age(other) < age(kubevirt)), None)


def _is_rolling_out(operator: Mapping[str, Any]) -> bool:
    """Whether virt-operator is being replaced: the one that is told to act now may be the old one."""
    status = operator.get("status") or {}
    seen = status.get("observedGeneration", 0) >= metadata.meta(operator).get("generation", 1)
    return operator["spec"].get("replicas", 1) > 0 and not (seen and status.get("updatedReplicas", 0) > 0)


def _references(objects: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Names of objects, as `cluster_object` takes them to delete them; the last applied comes first."""
    kept = ("name", "namespace")
    return [
        {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "metadata": {key: value for key, value in metadata.meta(obj).items() if key in kept},
        }
        for obj in reversed(objects)
    ]


def _of_group(groups: Mapping[str, Sequence[Mapping[str, Any]]], name: str, present: set[str]) -> dict[str, Any]:
    """The step that removes what is there of a group."""
    found = [obj for obj in groups[name] if _key(obj) in present]
    return {"objects": _references(found)} if found else {}


def _plan_deletion(kubevirt: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> plan.Plan:
    """No instance may be left; then the API server is told, then the components go, then what they were allowed, then the object."""
    if not metadata.has_finalizer(kubevirt, names.KUBEVIRT_FINALIZER):
        return plan.Plan()
    namespace, present = metadata.meta(kubevirt)["namespace"], set(observed["objects"])
    groups = _wanted(kubevirt, settings_types.Settings(registry="", tag="", namespace=namespace))
    removals = {
        f"remove_{name.partition('_')[2]}": _of_group(groups, name, present)
        for name in ("register_webhooks", "deploy_handler", "deploy_controller", "deploy_api")
    }
    steps: dict[str, Any] = {name: step for name, step in removals.items() if step}
    if "remove_api" in steps:
        certificates = [obj for obj in webhook_registration.references(namespace) if observed["secrets"][_name(obj)]]
        steps["remove_api"]["objects"] += certificates
    status = _changed(kubevirt, kubevirt_status.deleting(kubevirt, now=now))
    if steps:
        annotations = metadata.meta(kubevirt).get("annotations") or {}
        if annotations.get(FORCE_ANNOTATION) != "true":
            steps["check_instances"] = {"annotation": FORCE_ANNOTATION}
    elif not any(observed[f"{component}_pods"] for component in ("api", "controller", "handler")):
        permissions = _of_group(groups, "apply_permissions", present)
        steps = {"remove_permissions": permissions} if permissions else {}
        steps["remove_finalizer"] = {"finalizer": names.KUBEVIRT_FINALIZER}
    return plan.Plan(steps=plan.steps_in_order(STEPS, steps), status=status, requeue_after=DELETION_SECONDS)


def _api_problem(observed: Mapping[str, Any], steps: Mapping[str, Any] | None = None) -> str | None:
    deployment = None if "deploy_api" in (steps or {}) else observed["objects"].get("Deployment/virt-api")
    return component_state.api_problem(deployment, observed["api_pods"])


def _deploy_steps(
    kubevirt: Mapping[str, Any], settings: settings_types.Settings, observed: Mapping[str, Any], now: str
) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    objects, secrets = observed["objects"], observed["secrets"]
    if not metadata.has_finalizer(kubevirt, names.KUBEVIRT_FINALIZER):
        steps["add_finalizer"] = {"finalizer": names.KUBEVIRT_FINALIZER}
    if webhook_registration.is_due(secrets, now=now):
        owner = metadata.controller_reference(kubevirt)
        steps["issue_certificates"] = {"namespace": settings.namespace, "owner": owner}
    bundle = webhook_registration.bundle(secrets)
    for name, group in _wanted(kubevirt, settings, bundle or "").items():
        outdated = [wanted for wanted in group if not drift.is_as_wanted(wanted, objects.get(_key(wanted)))]
        if outdated:
            steps[name] = {"objects": outdated}
    outdated = steps.pop("register_webhooks", {"objects": []})["objects"]
    if bundle is not None and (registration := _registration(settings, observed, outdated, bundle)):
        steps["register_webhooks"] = registration
    return plan.steps_in_order(STEPS, steps)


def _registration(
    settings: settings_types.Settings, observed: Mapping[str, Any], outdated: list[dict[str, Any]], bundle: str
) -> dict[str, Any] | None:
    """The step that tells the API server of virt-api, where it does not know or was told something else."""
    definition, patch = observed["definition"], webhooks.conversion_patch(settings, bundle)
    converts = definition is None or drift.is_as_wanted(patch, definition)
    known = all(_key(wanted) in observed["objects"] for wanted in outdated)
    # The API server hears of virt-api when it can answer: before that, everything would be refused.
    if (converts and not outdated) or not (known or _api_problem(observed) is None):
        return None
    return {"objects": outdated, "definition": webhooks.definition(), "patch": patch}


def _registration_problem(observed: Mapping[str, Any], steps: Mapping[str, Any]) -> str | None:
    configurations = (
        "ValidatingWebhookConfiguration/virt-api-validator",
        "MutatingWebhookConfiguration/virt-api-mutator",
    )
    known = all(key in observed["objects"] for key in configurations)
    return None if known or "register_webhooks" in steps else "virt-api's webhooks are not registered yet"


def _problem(observed: Mapping[str, Any], steps: Mapping[str, Any], now: str) -> str | None:
    """What is missing for the installation to work as wanted once the steps are taken, in a sentence."""
    objects = observed["objects"]
    deployment = None if "deploy_controller" in steps else objects.get("Deployment/virt-controller")
    daemonset = None if "deploy_handler" in steps else objects.get("DaemonSet/virt-handler")
    problems = (
        _api_problem(observed, steps) or _registration_problem(observed, steps),
        component_state.controller_problem(deployment, observed["lease"], observed["controller_pods"], now=now),
        component_state.handler_problem(daemonset, observed["handler_pods"]),
    )
    return "; ".join(problem for problem in problems if problem) or None


def plan_kubevirt(kubevirt: Mapping[str, Any], observed: Mapping[str, Any], now: str) -> plan.Plan:
    """The decision; raises InvalidObject where neither the KubeVirt nor virt-operator names the images."""
    if metadata.is_deleting(kubevirt):
        return _plan_deletion(kubevirt, observed, now)
    other, operator = _other(kubevirt, observed["kubevirts"]), observed["operator"]
    namespace = metadata.meta(kubevirt)["namespace"]
    if other is not None:
        where = f"{metadata.meta(other)['namespace']}/{metadata.meta(other)['name']}"
        message = f"KubeVirt '{where}' is the installation of this cluster, and there can be one; delete this object"
        return _refused(kubevirt, "ExistingDeployment", message, now)
    if operator is None:
        message = f"virt-operator does not run in namespace '{namespace}'; create the KubeVirt where it runs"
        return _refused(kubevirt, "OperatorNotFound", message, now)
    if _is_rolling_out(operator):
        return plan.Plan(requeue_after=DELETION_SECONDS)
    try:
        settings = settings_types.of_installation(kubevirt, operator)
    except errors.InvalidObject as error:
        return _refused(kubevirt, "ImagesUnknown", str(error), now)
    version = settings_types.environment_of(operator).get(settings_types.TAG_VARIABLE, "")
    steps = _deploy_steps(kubevirt, settings, observed, now)
    problem = _problem(observed, steps, now)
    if problem is None:
        status = kubevirt_status.deployed(kubevirt, settings, operator_version=version, now=now)
        left = component_state.lease_seconds_left(observed["lease"], now=now)
        return plan.Plan(steps=steps, status=_changed(kubevirt, status), requeue_after=left + 1)
    status = kubevirt_status.deploying(kubevirt, settings, operator_version=version, problem=problem, now=now)
    return plan.Plan(steps=steps, status=_changed(kubevirt, status))
