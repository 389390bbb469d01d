"""What an installation begins with."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import kinds
from ansible_collections.playvirt.core.plugins.module_utils.installation import (
    settings,
    virt_operator,
)

SETTINGS = settings.Settings(registry="reg.example/p", tag="v1", namespace="ns", pull_policy="Never")


def test_an_installation_begins_with_its_namespace() -> None:
    objects = virt_operator.render_operator(SETTINGS)
    assert [obj["kind"] for obj in objects[:2]] == ["Namespace", "PriorityClass"]
    assert objects[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert objects[-1]["metadata"]["name"] == "virt-operator"
    for obj in objects:
        assert kinds.resource(obj["apiVersion"], obj["kind"])
        assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "playvirt"


@pytest.mark.parametrize("use_emulation", [True, False])
def test_the_kubevirt_says_how_guests_run(use_emulation: bool) -> None:
    kubevirt = virt_operator.render_kubevirt(dataclasses.replace(SETTINGS, use_emulation=use_emulation))
    assert kubevirt["spec"]["configuration"]["developerConfiguration"]["useEmulation"] is use_emulation
    assert "imageTag" not in kubevirt["spec"]
