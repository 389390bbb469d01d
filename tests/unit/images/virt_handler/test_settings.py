"""Settings from an environment."""

from __future__ import annotations

from ansible_collections.playvirt.core.images.virt_handler import settings


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
            "PLAYVIRT_DEVICES": "tun, kvm,",
        }
    )
    assert found == settings.Settings("/run/x", "/data/kubelet", devices=("tun", "kvm"))
