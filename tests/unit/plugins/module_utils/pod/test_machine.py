"""What the pod has for the machine: labels of nodes that can emulate its CPU, huge pages, the image with its kernel, KVM."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.pod import launcher, machine

HUGE = {"guest": "64Mi", "hugepages": {"pageSize": "2048Ki"}}


def _spec(**domain: Any) -> dict[str, Any]:
    return {"domain": {"memory": {"guest": "64Mi"}, "devices": {}, **domain}, "volumes": []}


def _pod(emulation: bool, **domain: Any) -> dict[str, Any]:
    vmi = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "a", "namespace": "b", "uid": "c"},
        "spec": _spec(**domain),
    }
    return launcher.render_launcher_pod(vmi, launcher.Installation("image", emulation=emulation))["spec"]


def _compute(pod: dict[str, Any]) -> dict[str, Any]:
    return pod["containers"][0]["resources"]


def test_an_emulated_cpu_asks_for_nodes_that_can_emulate_it() -> None:
    features = [{"name": "aes"}, {"name": "avx", "policy": "require"}, {"name": "sse", "policy": "optional"}]
    spec = _spec(cpu={"model": "Nehalem", "features": features})
    assert machine.node_labels(spec, emulation=True) == {
        "cpu-model.node.kubevirt.io/Nehalem": "true",
        "cpu-feature.node.kubevirt.io/aes": "true",
        "cpu-feature.node.kubevirt.io/avx": "true",
    }
    assert machine.node_labels(spec, emulation=False) == {}


@pytest.mark.parametrize("cpu", [{}, {"model": "host-model"}, {"cores": 2}])
def test_other_cpus_run_on_every_node(cpu: dict[str, Any]) -> None:
    assert machine.node_labels(_spec(cpu=cpu), emulation=True) == {}


@pytest.mark.parametrize(
    ("written", "name"), [("2048Ki", "2Mi"), ("2Mi", "2Mi"), ("1Gi", "1Gi"), ("1024Mi", "1Gi"), ("64Ki", "64Ki")]
)
def test_page_sizes_are_spelled_as_nodes_do(written: str, name: str) -> None:
    assert machine.page_size(_spec(memory={"hugepages": {"pageSize": written}})) == name


def test_huge_pages_take_the_place_of_memory() -> None:
    plain, huge = _compute(_pod(True)), _compute(_pod(True, memory=HUGE))
    memory = {
        kind: int(found["requests"]["memory"].removesuffix("Mi")) for kind, found in (("plain", plain), ("huge", huge))
    }
    assert memory["plain"] - memory["huge"] == 64
    assert huge["requests"]["hugepages-2Mi"] == huge["limits"]["hugepages-2Mi"] == str(64 * 2**20)
    assert "hugepages-2Mi" not in plain["requests"]
    limited = _compute(_pod(True, memory=HUGE, resources={"limits": {"memory": "64Mi"}}))
    assert limited["limits"]["memory"] == limited["requests"]["memory"] == huge["requests"]["memory"]


def test_the_kernels_image_is_mounted_and_pulled_with_its_secret() -> None:
    container = {"image": "kernel:1", "kernelPath": "/vmlinuz", "imagePullSecret": "registry"}
    pod = _pod(True, firmware={"kernelBoot": {"container": container}})
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["volumes"][-1] == {
        "name": "kernel-boot",
        "image": {"reference": "kernel:1", "pullPolicy": "IfNotPresent"},
    }
    assert pod["containers"][0]["volumeMounts"][-1] == {
        "name": "kernel-boot",
        "mountPath": "/var/run/kubevirt/container-disks/kernel-boot",
        "readOnly": True,
    }
    assert "imagePullSecrets" not in _pod(True)


def test_kvm_is_asked_for_unless_guests_are_emulated() -> None:
    assert _compute(_pod(False))["limits"]["devices.kubevirt.io/kvm"] == "1"
    assert "devices.kubevirt.io/kvm" not in _compute(_pod(True))["limits"]


def test_a_tpm_needs_memory_and_one_that_is_off_does_not() -> None:
    def requested(**devices: Any) -> int:
        return int(_compute(_pod(True, devices=devices))["requests"]["memory"].removesuffix("Mi"))

    assert requested(tpm={}) - requested() == 16
    assert requested(tpm={"enabled": False}) == requested()


def test_the_console_is_printed_unless_it_is_not_kept() -> None:
    assert [container["name"] for container in _pod(True)["containers"]] == ["compute", "guest-console-log"]
    for devices in ({"logSerialConsole": False}, {"autoattachSerialConsole": False}):
        assert [container["name"] for container in _pod(True, devices=devices)["containers"]] == ["compute"]
