"""virt-handler: on every node, with the paths of that node."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.installation import (
    settings,
    virt_handler,
)

SETTINGS = settings.Settings(registry="reg.example/p", tag="v1", namespace="ns", pull_policy="Never")


def test_the_handler_is_on_every_node_and_knows_its_paths() -> None:
    moved = settings.Settings(registry="r", tag="t", kubelet_root="/data/kubelet")
    daemonset = virt_handler.render_daemonset(moved)
    spec = daemonset["spec"]["template"]["spec"]
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["hostPID"] is True
    (container,) = spec["containers"]
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert environment["PLAYVIRT_KUBELET_ROOT"] == "/data/kubelet"
    assert environment["PLAYVIRT_RUNNER_SOCKET"].startswith("/run/playvirt-runner/")
    host_paths = {volume["name"]: volume["hostPath"]["path"] for volume in spec["volumes"] if "hostPath" in volume}
    assert host_paths == {
        "node-directory": "/var/run/playvirt",
        "device-plugins": "/data/kubelet/device-plugins",
        "seccomp": "/data/kubelet/seccomp",
    }
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts["device-plugins"] == "/data/kubelet/device-plugins"
    assert mounts["seccomp"] == "/data/kubelet/seccomp"


def test_capabilities_are_probed_with_the_launchers_image() -> None:
    (probe,) = virt_handler.render_daemonset(SETTINGS)["spec"]["template"]["spec"]["initContainers"]
    assert probe["image"] == "reg.example/p/virt-launcher:v1"
    assert probe["command"] == ["/usr/bin/virt-launcher", "probe-capabilities"]
    assert probe["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["SETUID", "SETGID", "KILL"]}


@pytest.mark.parametrize(("use_emulation", "offered"), [(True, "tun,vhost-net"), (False, "tun,vhost-net,kvm")])
def test_kvm_is_offered_where_guests_use_it(use_emulation: bool, offered: str) -> None:
    daemonset = virt_handler.render_daemonset(dataclasses.replace(SETTINGS, use_emulation=use_emulation))
    (container,) = daemonset["spec"]["template"]["spec"]["containers"]
    assert {"name": "PLAYVIRT_DEVICES", "value": offered} in container["env"]
