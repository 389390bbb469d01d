"""Settings from an environment."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.virt_handler import settings
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


def test_from_environment_empty_gives_defaults() -> None:
    found = settings.from_environment({})
    assert found == settings.Settings()
    assert found.device_plugin_directory == "/var/lib/kubelet/device-plugins"
    assert found.launcher_socket == "/var/run/playvirt/handler.sock"


def test_from_environment_takes_every_variable() -> None:
    found = settings.from_environment(
        {
            "PLAYVIRT_NODE_DIRECTORY": "/run/x",
            "PLAYVIRT_KUBELET_ROOT": "/data/kubelet",
            "PLAYVIRT_FENCE_SECONDS": "30",
            "PLAYVIRT_DEVICES": "tun, kvm,",
        }
    )
    assert found == settings.Settings("/run/x", "/data/kubelet", 30.0, ("tun", "kvm"))


@pytest.mark.parametrize("value", ["soon", "0", "5", "nan", "inf"])
def test_from_environment_refuses_fence_seconds(value: str) -> None:
    with pytest.raises(errors.PermanentError, match=f"PLAYVIRT_FENCE_SECONDS is '{value}'"):
        settings.from_environment({"PLAYVIRT_FENCE_SECONDS": value})
