"""virt-api behind a real API server: refusals word for word, defaults that the schema takes, what goes on without virt-api.

The webhook configurations are those of the installation, with a URL on loopback in place of the Service, which takes a cluster.
"""

from __future__ import annotations

import base64
import copy
import datetime
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.cluster import pki
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings, webhooks
from ansible_collections.playvirt.core.tests.integration import bare_api_server

pytestmark = pytest.mark.integration

ROOT = pathlib.Path(__file__).parents[2]
OWN = "system:serviceaccount:kubevirt:kubevirt-controller"
VMS, VMIS = (
    f"/apis/kubevirt.io/v1/namespaces/default/{plural}" for plural in ("virtualmachines", "virtualmachineinstances")
)
PRESETS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancepresets"


class Scene:
    """An API server with our definitions, and a virt-api that it asks."""

    def __init__(self, api: bare_api_server.BareAPIServer, directory: pathlib.Path) -> None:
        self.api, self._directory = api, directory
        now = datetime.datetime.now(datetime.UTC)
        authority = pki.new_authority("test", now=now, days=1)
        names = pki.Request(common_name="virt-api", organizations=(), names=("127.0.0.1",))
        pair = pki.new_certificate(names, authority, now=now, days=1)
        (directory / "tls.crt").write_bytes(pair.certificate)
        (directory / "tls.key").write_bytes(pair.key)
        self._bundle = base64.b64encode(authority.certificate).decode()
        with socket.socket() as free, socket.socket() as health:
            free.bind(("127.0.0.1", 0))
            health.bind(("127.0.0.1", 0))
            self._port, self._health = free.getsockname()[1], health.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = [
            *("--kubeconfig", str(self.api.kubeconfig()), "--certificate-directory", str(self._directory)),
            *("--address", f"127.0.0.1:{self._port}", "--health-address", f"127.0.0.1:{self._health}"),
            *("--leave", "0", "--log-level", "warning"),
        ]
        module = "ansible_collections.playvirt.core.images.virt_api"
        environment = {**os.environ, "POD_NAMESPACE": "kubevirt"}
        self._process = subprocess.Popen([sys.executable, "-m", module, *arguments], env=environment)
        self.until(lambda: socket.create_connection(("127.0.0.1", self._port)).close())

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def register(self) -> None:
        """What role kubevirt does, with a URL in place of the Service."""
        wanted = settings.Settings(registry="", tag="", namespace="kubevirt")
        for obj in webhooks.render_configurations(wanted, self._bundle):
            for hook in obj["webhooks"]:
                hook["clientConfig"] = self._client_config(hook["clientConfig"]["service"]["path"])
            plural = f"{obj['kind'].lower()}s"
            self.api.request("POST", f"/apis/admissionregistration.k8s.io/v1/{plural}", obj)
        patch = webhooks.conversion_patch(wanted, self._bundle)
        patch["spec"]["conversion"]["webhook"]["clientConfig"] = {**self._client_config("/convert"), "service": None}
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{webhooks.DEFINITION}"
        self.patch(path, patch)

    def _client_config(self, path: str) -> dict[str, Any]:
        return {"url": f"https://127.0.0.1:{self._port}{path}", "caBundle": self._bundle}

    def patch(self, path: str, patch: dict[str, Any], user: str = bare_api_server.ADMIN) -> Any:
        return self.api.request("PATCH", path, patch, user=user, content_type="application/merge-patch+json")

    def refused(self, method: str, path: str, obj: dict[str, Any]) -> str:
        """The message of a refusal."""
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        with pytest.raises(bare_api_server.APIServerError) as caught:
            self.api.request(method, path, obj, content_type=content_type)
        text = str(caught.value)
        return str(json.loads(text[text.index("{") :])["message"])

    @staticmethod
    def until(check: Any, seconds: float = 60.0) -> None:
        """Try until it does not raise."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                check()
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    try:
        bare_api_server.find_programs()
    except bare_api_server.APIServerError as error:
        pytest.skip(str(error))
    with bare_api_server.running(users=(OWN,)) as api:
        api.load_crds("crds")
        found = Scene(api, tmp_path_factory.mktemp("virt-api"))
        found.start()
        try:
            found.register()
            # The API server hears of the webhooks a moment later.
            found.until(lambda: "not found" in found.refused("POST", f"{VMS}?dryRun=All", vm("probe", disk="lost")))
            found.until(lambda: api.request("GET", VMS.replace("/v1/", "/v1alpha1/")))
            yield found
        finally:
            found.stop()


def vmi(name: str, disk: str = "root", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "domain": {"devices": {"disks": [{"name": disk, "disk": {}}]}, "memory": {"guest": "64Mi"}},
            "volumes": [{"name": "root", "containerDisk": {"image": "registry.example/disk:1"}}],
            **spec,
        },
    }


def vm(name: str, disk: str = "root", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"runStrategy": "Halted", "template": {"spec": vmi(name, disk)["spec"]}, **spec},
    }


def test_the_message_is_the_same_word_for_word_in_each_version(scene: Scene) -> None:
    field = "spec.template.spec.domain.devices.disks[0]"
    before = 'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: '
    for version in ("v1", "v1alpha3"):
        wrong = {**vm("a", disk="registryvolume"), "apiVersion": f"kubevirt.io/{version}"}
        told = scene.refused("POST", VMS.replace("/v1/", f"/{version}/"), wrong)
        assert f"{before}{field}.name 'registryvolume' not found." in told
    old = vm("a")
    old["apiVersion"] = "kubevirt.io/v1alpha1"
    inner = old["spec"]["template"]["spec"]
    inner["domain"]["devices"]["disks"][0]["volumeName"] = "registryvolume"
    inner["volumes"][0] = {"name": "root", "registryDisk": {"image": "registry.example/disk:1"}}
    told = scene.refused("POST", VMS.replace("/v1/", "/v1alpha1/"), old)
    assert f"{before}{field}.volumeName 'registryvolume' not found." in told


def test_an_instance_is_stored_with_its_defaults(scene: Scene) -> None:
    made = scene.api.request("POST", VMIS, vmi("defaults"))
    domain = made["spec"]["domain"]
    assert domain["machine"]["type"] == "q35"
    assert domain["cpu"] == {"sockets": 1, "cores": 1, "threads": 1, "model": "host-model"}
    assert domain["devices"]["interfaces"] == [{"name": "default", "masquerade": {}}]
    assert domain["firmware"]["uuid"]
    assert made["metadata"]["finalizers"] == ["kubevirt.io/foregroundDeleteVirtualMachine"]
    other = copy.deepcopy(made)
    other["spec"]["hostname"] = "x"
    assert "update of VMI object is restricted" in scene.refused("PUT", f"{VMIS}/defaults", other)
    labelled = {"metadata": {"labels": {"kubevirt.io/nodeName": "n"}}}
    assert "is prohibited" in scene.refused("PATCH", f"{VMIS}/defaults", labelled)
    scene.patch(f"{VMIS}/defaults", labelled, user=OWN)
    scene.patch(f"{VMIS}/defaults/status", {"status": {"phase": "Running"}})


def test_presets_that_conflict_are_refused_with_both_names(scene: Scene) -> None:
    for name, cores in (("one", 1), ("two", 2)):
        spec = {"selector": {"matchLabels": {"size": "small"}}, "domain": {"devices": {}, "cpu": {"cores": cores}}}
        kind = "VirtualMachineInstancePreset"
        obj = {"apiVersion": "kubevirt.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        scene.api.request("POST", PRESETS, obj)
    posted = vmi("conflict")
    posted["metadata"]["labels"] = {"size": "small"}
    told = "presets 'one' and 'two' conflict"
    scene.until(lambda: _contains(told, scene.refused("POST", f"{VMIS}?dryRun=All", posted)))
    machine = vm("conflict")
    machine["spec"]["template"]["metadata"] = {"labels": {"size": "small"}}
    assert told in scene.refused("POST", VMS, machine)


def _contains(part: str, text: str) -> None:
    assert part in text


@pytest.mark.parametrize(
    ("path", "kind", "spec", "message"),
    [
        (
            "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancereplicasets",
            "VirtualMachineInstanceReplicaSet",
            {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "c"}}, "spec": vmi("x")["spec"]},
            },
            "selector does not match labels.",
        ),
        (PRESETS, "VirtualMachineInstancePreset", {"selector": {}}, "missing domain."),
        (
            "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancemigrations",
            "VirtualMachineInstanceMigration",
            {"vmiName": "nobody"},
            'the VMI "default/nobody" does not exist',
        ),
        (
            "/apis/migrations.kubevirt.io/v1alpha1/migrationpolicies",
            "MigrationPolicy",
            {"selectors": {}, "bandwidthPerMigration": "-1"},
            "must not be negative",
        ),
        (
            "/apis/kubevirt.io/v1/namespaces/default/kubevirts",
            "KubeVirt",
            {"configuration": {"admission": {"siteRules": ["../x"]}}},
            "names no site rule",
        ),
    ],
)
def test_every_other_kind_is_judged(scene: Scene, path: str, kind: str, spec: dict[str, Any], message: str) -> None:
    version = "/".join(path.split("/")[2:4])
    assert message in scene.refused(
        "POST", path, {"apiVersion": version, "kind": kind, "metadata": {"name": "wrong"}, "spec": spec}
    )


def test_the_oldest_version_reads_back_as_it_was_posted(scene: Scene) -> None:
    oldest = VMS.replace("/v1/", "/v1alpha1/")
    old = vm("reads-back")
    old["apiVersion"] = "kubevirt.io/v1alpha1"
    inner = old["spec"]["template"]["spec"]
    inner["domain"]["devices"]["disks"][0] = {"name": "mydisk", "volumeName": "root", "disk": {"bus": "virtio"}}
    inner["volumes"][0] = {"name": "root", "registryDisk": {"image": "registry.example/disk:1"}}
    scene.api.request("POST", oldest, old)
    assert scene.api.request("GET", f"{oldest}/reads-back")["spec"] == old["spec"]
    modern = scene.api.request("GET", f"{VMS}/reads-back")["spec"]["template"]["spec"]
    assert modern["volumes"] == [{"name": "root", "containerDisk": {"image": "registry.example/disk:1"}}]
    assert modern["domain"]["devices"]["disks"][0]["name"] == "root"


def test_our_own_examples_are_accepted(scene: Scene) -> None:
    told = scene.api.kubectl("apply", "--dry-run=server", "--filename", str(ROOT / "examples"))
    assert told.count("(server dry run)") >= 4


def test_without_virt_api_nothing_is_made_and_everything_can_be_deleted(scene: Scene) -> None:
    scene.api.request("POST", VMS, vm("stays"))
    scene.api.request("POST", VMIS, vmi("goes"))
    scene.stop()
    try:
        assert "failed calling webhook" in scene.refused("POST", VMS, vm("never"))
        scene.patch(f"{VMIS}/goes/status", {"status": {"phase": "Running"}})
        scene.patch(f"{VMIS}/goes", {"metadata": {"labels": {"kubevirt.io/nodeName": "n"}}}, user=OWN)
        scene.api.request("DELETE", f"{VMS}/stays")
        scene.api.request("DELETE", f"{VMIS}/goes")
        scene.patch(f"{VMIS}/goes", {"metadata": {"finalizers": None}}, user=OWN)
        left = {obj["metadata"]["name"] for path in (VMS, VMIS) for obj in scene.api.request("GET", path)["items"]}
        assert not {"stays", "goes", "never"} & left
        kubevirts = "/apis/kubevirt.io/v1/namespaces/default/kubevirts"
        kubevirt = {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": {"name": "k"}, "spec": {}}
        scene.api.request("POST", kubevirts, kubevirt)
    finally:
        scene.start()
    assert json.dumps(scene.api.request("POST", f"{VMS}?dryRun=All", vm("again")))
