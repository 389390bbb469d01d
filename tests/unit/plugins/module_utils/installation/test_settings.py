"""Settings: from an installation that exists, and what is said where they are missing."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.installation import (
    pods,
    settings,
    virt_operator,
)

SETTINGS = settings.Settings(registry="reg.example/p", tag="v1", namespace="ns", pull_policy="Never")


def test_settings_come_back_from_the_operators_deployment() -> None:
    wanted = settings.Settings(registry="r", tag="t", namespace="ns", kubelet_root="/data/kubelet", use_emulation=True)
    kubevirt = virt_operator.render_kubevirt(wanted)
    operator = virt_operator.render_deployment(wanted)
    assert settings.of_installation(kubevirt, operator) == wanted


def test_without_images_the_message_says_where_they_are_named() -> None:
    kubevirt = virt_operator.render_kubevirt(SETTINGS)
    operator = virt_operator.render_deployment(SETTINGS)
    operator["spec"]["template"]["spec"]["containers"][0]["env"] = [pods.variable("PLAYVIRT_REGISTRY", "r")]
    with pytest.raises(errors.InvalidObject, match="spec.imageTag") as caught:
        settings.of_installation(kubevirt, operator)
    assert caught.value.field == "spec.imageTag"
