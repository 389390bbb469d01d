"""virt-controller: two replicas of which one works."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.installation import (
    settings,
    virt_controller,
)

SETTINGS = settings.Settings(registry="reg.example/p", tag="v1", namespace="ns", pull_policy="Never")


def test_the_controllers_standby_blocks_nothing() -> None:
    spec = virt_controller.render_deployment(SETTINGS)["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == "100%"
    assert spec["progressDeadlineSeconds"] == 2**31 - 1
