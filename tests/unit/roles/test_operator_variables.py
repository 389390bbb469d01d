"""The controller roles with what ansible-operator passes, and nothing more: no gateway, no reasons, no variable that only this runner knows.

Each role of the watch lists of virt-operator and virt-controller is executed for an object at the stateful API server, which it reaches as under
ansible-operator: through the kubeconfig in K8S_AUTH_KUBECONFIG. The variables are computed as there: by the settings of the watch list, and as somebody
gets them whose own list leaves ansible-operator's defaults as they are, with the names of the spec in snake case.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.images.runner.settings import options, watches
from ansible_collections.playvirt.core.images.runner.turns import extra_vars
from ansible_collections.playvirt.core.plugins.modules import operator_manifests
from ansible_collections.playvirt.core.tests.unit.fakes import kube_api

KUBEVIRT = "kubevirt.io/v1"
OBJECTS: dict[str, dict[str, Any]] = {
    "VirtualMachine": {
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": {
            "runStrategy": "Always",
            "dataVolumeTemplates": [],
            "template": {"spec": {"domain": {"memory": {"guest": "64Mi"}, "devices": {}}}},
        },
    },
    "VirtualMachineInstance": {
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": {
            "domain": {"memory": {"guest": "64Mi"}, "devices": {}},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "terminationGracePeriodSeconds": 10,
        },
    },
    "KubeVirt": {
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": {"imagePullPolicy": "IfNotPresent"},
    },
}
MADE = {
    "VirtualMachine": (KUBEVIRT, "VirtualMachineInstance", "ns", "web"),
    "VirtualMachineInstance": ("v1", "Pod", "ns", "virt-launcher-web"),
    "KubeVirt": ("apps/v1", "Deployment", "kubevirt", "virt-controller"),
}
DEPLOYED = {"phase": "Deployed", "observedKubeVirtRegistry": "registry.example.com", "observedKubeVirtVersion": "v1"}


def watched() -> list[watches.Watch]:
    """Every watch of the two lists."""
    found: list[watches.Watch] = []
    for name in ("virt-operator", "virt-controller"):
        defaults = watches.Defaults(reconcile_period=0.0)
        found += watches.load(options.watch_list(name), environment={"POD_NAMESPACE": "kubevirt"}, defaults=defaults)
    return found


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[kube_api.KubeAPI]:
    async with kube_api.KubeAPI() as server:
        manifests = operator_manifests.run(
            {
                "registry": "registry.example.com",
                "tag": "v1",
                "namespace": "kubevirt",
                "pull_policy": "IfNotPresent",
                "kubelet_root": "/var/lib/kubelet",
                "use_emulation": True,
            },
            check_mode=False,
        )
        operator = manifests["operator"][-1]
        ready = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}
        server.put({**operator, "metadata": {**operator["metadata"], "generation": 1}, "status": ready})
        server.write_kubeconfig(tmp_path / "kubeconfig")
        yield server


SNAKE_CASE = {
    "VirtualMachine": {"run_strategy", "data_volume_templates", "template"},
    "VirtualMachineInstance": {"domain", "node_selector", "termination_grace_period_seconds"},
    "KubeVirt": {"image_pull_policy"},
}


@pytest.mark.parametrize("snake_case", [False, True], ids=["the-list", "ansible-operators-default"])
@pytest.mark.parametrize("watch", watched(), ids=lambda watch: watch.kind)
async def test_a_controller_role_needs_no_more_than_ansible_operator_gives(
    watch: watches.Watch, snake_case: bool, api: kube_api.KubeAPI, tmp_path: Path
) -> None:
    if watch.kind != "KubeVirt":
        api.put({"apiVersion": KUBEVIRT, "kind": "KubeVirt", **OBJECTS["KubeVirt"], "status": DEPLOYED})
    obj = api.put({"apiVersion": KUBEVIRT, "kind": watch.kind, **OBJECTS[watch.kind]})
    assert not watch.snake_case
    assert not watch.variables
    variables = extra_vars.extra_vars(obj, group=watch.group, snake_case=snake_case)
    meta = obj["metadata"]
    name = f"_kubevirt_io_{watch.kind.lower()}"
    assert set(variables) == {
        "ansible_operator_meta",
        name,
        f"{name}_spec",
        *(SNAKE_CASE[watch.kind] if snake_case else obj["spec"]),
    }
    assert variables["ansible_operator_meta"] == {"name": meta["name"], "namespace": meta["namespace"]}
    environment = {
        "K8S_AUTH_KUBECONFIG": str(tmp_path / "kubeconfig"),
        "PLAYVIRT_RUNNER_SOCKET": str(tmp_path / "no-runner"),
    }
    runs = engine.Engine(engine.EngineOptions(roles=(watch.role,), environment=environment, workers=1))
    told: list[Any] = []
    try:
        assert await runs.start() == {}
        job = engine.Job(role=watch.role, extra_vars=variables, timeout=120)
        # A controller's work is done in several turns; three bring every one of them to what it makes.
        for _ in range(3):
            result = await runs.run(job, told.append)
            assert result.ok, (result, told[-3:])
    finally:
        await runs.close()
    api_version, kind, namespace, prefix = MADE[watch.kind]
    names = [
        made["metadata"]["name"] for made in api.all(api_version, kind) if made["metadata"]["namespace"] == namespace
    ]
    assert any(made.startswith(prefix) for made in names), names
    assert "failed" not in {task["status"] for task in told}
