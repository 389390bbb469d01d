"""How far an installation or its removal is: what a person who installs waits for.

In: virt-operator's Deployment, its pods, the KubeVirt. Out: a sentence about what is missing, or None where it is complete. Called by module
kubevirt_wait, again and again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import component_state, kubevirt_status

#: words of the kubelet after which waiting alone does not help
_PULL_PROBLEMS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")


def deployment_problem(
    operator: Mapping[str, Any] | None,
    operator_pods: Sequence[Mapping[str, Any]],
    kubevirt: Mapping[str, Any] | None,
) -> str | None:
    """What the installation lacks; None once everything runs at the version of virt-operator's Deployment, or the KubeVirt's own."""
    problem = component_state.operator_problem(operator, operator_pods)
    if problem is not None or operator is None:
        return problem
    if kubevirt is None:
        return "there is no KubeVirt object"
    status = kubevirt.get("status") or {}
    refused = conditions.get(status.get("conditions"), names.SYNCHRONIZED)
    if refused is not None and refused.get("status") == "False":
        return str(refused.get("message"))
    version = settings_types.environment_of(operator).get(settings_types.TAG_VARIABLE)
    generation = metadata.meta(kubevirt).get("generation", 1)
    if status.get("operatorVersion") != version or status.get("observedGeneration", 0) < generation:
        return "virt-operator has not looked at the KubeVirt yet"
    available = conditions.get(status.get("conditions"), kubevirt_status.AVAILABLE) or {}
    same = status.get("observedKubeVirtVersion") == status.get("targetKubeVirtVersion")
    if status.get("phase") == kubevirt_status.DEPLOYED and same and available.get("status") == "True":
        return None
    return str(available.get("message") or "virt-operator deploys")


def deletion_problem(
    operator: Mapping[str, Any] | None,
    operator_pods: Sequence[Mapping[str, Any]],
    kubevirt: Mapping[str, Any] | None,
) -> str | None:
    """What is left of the installation; None once the KubeVirt is gone."""
    if kubevirt is None:
        return None
    refused = conditions.get((kubevirt.get("status") or {}).get("conditions"), names.SYNCHRONIZED)
    if refused is not None and refused.get("reason") == "DeletionFailedError":
        return str(refused.get("message"))
    return component_state.operator_problem(operator, operator_pods) or "virt-operator removes what it deployed"


def needs_a_person(problem: str) -> bool:
    """Whether the problem is that an image cannot be had."""
    return any(word in problem for word in _PULL_PROBLEMS)
