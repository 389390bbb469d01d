"""What a person who installs or removes is told that is still missing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings, virt_operator
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import installation_progress

WANTED = settings.Settings(registry="r", tag="v1")


def _operator(*, ready: bool = True) -> dict[str, Any]:
    deployment = virt_operator.render_deployment(WANTED)
    deployment["status"] = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": int(ready)}
    return deployment


def _kubevirt(*conditions: dict[str, str], **status: Any) -> dict[str, Any]:
    kubevirt = virt_operator.render_kubevirt(WANTED)
    kubevirt["metadata"]["generation"] = 2
    available = {"type": "Available", "status": "True", "reason": "AllComponentsReady", "message": "All is well."}
    kubevirt["status"] = {
        "phase": "Deployed",
        "operatorVersion": "v1",
        "observedGeneration": 2,
        "observedKubeVirtVersion": "v1",
        "targetKubeVirtVersion": "v1",
        "conditions": [available, *conditions],
        **status,
    }
    return kubevirt


def _unavailable(message: str) -> list[dict[str, str]]:
    return [{"type": "Available", "status": "False", "message": message}]


@pytest.mark.parametrize(
    ("operator", "kubevirt", "told"),
    [
        (None, None, "virt-operator is not deployed"),
        (_operator(ready=False), _kubevirt(), "virt-operator is starting"),
        (_operator(), None, "there is no KubeVirt object"),
        (_operator(), _kubevirt(operatorVersion="v0"), "virt-operator has not looked at the KubeVirt yet"),
        (_operator(), _kubevirt(observedGeneration=1), "virt-operator has not looked at the KubeVirt yet"),
        (_operator(), _kubevirt(phase="Deploying", conditions=_unavailable("waits")), "waits"),
        (_operator(), _kubevirt(conditions=_unavailable("a pod is gone")), "a pod is gone"),
        (_operator(), _kubevirt({"type": "Synchronized", "status": "False", "message": "a task: failed"}), "a task: failed"),
        (_operator(), _kubevirt(), None),
    ],
)  # fmt: skip
def test_deployment(operator: Any, kubevirt: Any, told: str | None) -> None:
    assert installation_progress.deployment_problem(operator, [], kubevirt) == told


def test_deletion() -> None:
    assert installation_progress.deletion_problem(None, [], None) is None
    assert installation_progress.deletion_problem(None, [], _kubevirt()) == "virt-operator is not deployed"
    assert (
        installation_progress.deletion_problem(_operator(), [], _kubevirt()) == "virt-operator removes what it deployed"
    )
    refused = {"type": "Synchronized", "status": "False", "reason": "DeletionFailedError", "message": "machines run"}
    assert installation_progress.deletion_problem(_operator(), [], _kubevirt(refused)) == "machines run"


def test_an_image_that_cannot_be_had_needs_a_person() -> None:
    assert installation_progress.needs_a_person("virt-operator is starting (pod p: ImagePullBackOff: no such image)")
    assert not installation_progress.needs_a_person("virt-operator is starting")
