"""virt-api behind a real API server: refusals word for word, defaults that the schema takes, what goes on without virt-api.

The webhook configurations are those of the installation, with a URL on loopback in place of the Service; test_virt_api_replicas.py has the Service.
"""

from __future__ import annotations

import copy
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import crds
from ansible_collections.playvirt.core.tests.integration import bare_api_server, virt_api_process

pytestmark = pytest.mark.integration

ROOT = pathlib.Path(__file__).parents[2]
OWN = "system:serviceaccount:kubevirt:kubevirt-controller"
VMS, VMIS = (
    f"/apis/kubevirt.io/v1/namespaces/default/{plural}" for plural in ("virtualmachines", "virtualmachineinstances")
)
PRESETS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancepresets"


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


_REPLICAS = {
    "selector": {"matchLabels": {"app": "web"}},
    "template": {"metadata": {"labels": {"app": "web"}}, "spec": vmi("x")["spec"]},
}


def _object(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    found = next(known for known in crds.KINDS if known.kind == kind)
    version = next(version.name for version in found.versions if version.stored)
    meta = {"name": "before", **({"namespace": "default"} if found.namespaced else {})}
    return {"apiVersion": f"{found.group}/{version}", "kind": kind, "metadata": meta, "spec": spec}


def path_of(obj: Mapping[str, Any]) -> str:
    """Where objects of its kind are."""
    found = next(known for known in crds.KINDS if known.kind == obj["kind"])
    return f"/apis/{obj['apiVersion']}/{'namespaces/default/' if found.namespaced else ''}{found.plural}"


#: objects from before virt-api; some of their kinds cannot be made where nobody acts on them yet, and are judged when they are changed all the same
STORED_BEFORE = (
    vm("before"),
    vmi("before"),
    _object("VirtualMachineInstanceReplicaSet", _REPLICAS),
    _object("VirtualMachineInstancePreset", {"selector": {"matchLabels": {"no": "body"}}, "domain": {"devices": {}}}),
    _object("VirtualMachineInstanceMigration", {"vmiName": "before"}),
    _object("MigrationPolicy", {"selectors": {}}),
    _object("KubeVirt", {}),
)


class Scene:
    """An API server with our definitions, and a virt-api that it asks."""

    def __init__(self, api: bare_api_server.BareAPIServer, directory: pathlib.Path) -> None:
        self.api = api
        self.bundle = virt_api_process.issue_certificate(directory, "127.0.0.1")
        self.virt_api = virt_api_process.VirtAPI(api.kubeconfig(), directory)

    def client_config(self, service: Mapping[str, Any]) -> dict[str, Any]:
        """virt-api by a URL, in place of the Service."""
        path = service["service"]["path"]
        return {"url": f"https://127.0.0.1:{self.virt_api.port}{path}", "caBundle": service["caBundle"]}

    def patch(self, path: str, patch: dict[str, Any], user: str = bare_api_server.ADMIN) -> Any:
        return self.api.request("PATCH", path, patch, user=user, content_type="application/merge-patch+json")

    def refused(self, method: str, path: str, obj: dict[str, Any]) -> str:
        """The message of a refusal."""
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        with pytest.raises(bare_api_server.APIServerError) as caught:
            self.api.request(method, path, obj, content_type=content_type)
        text = str(caught.value)
        return str(json.loads(text[text.index("{") :])["message"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    try:
        bare_api_server.find_programs()
    except bare_api_server.APIServerError as error:
        pytest.skip(str(error))
    with bare_api_server.running(users=(OWN,)) as api:
        api.load_crds("crds")
        for obj in STORED_BEFORE:
            api.request("POST", path_of(obj), obj)
        found = Scene(api, tmp_path_factory.mktemp("virt-api"))
        try:
            found.virt_api.start()
            virt_api_process.register(api, found.bundle, found.client_config)
            # The API server hears of the webhooks a moment later.
            virt_api_process.until(
                lambda: _contains("not found", found.refused("POST", f"{VMS}?dryRun=All", vm("probe", disk="lost")))
            )
            virt_api_process.until(lambda: api.request("GET", VMS.replace("/v1/", "/v1alpha1/")))
            yield found
        finally:
            found.virt_api.stop()


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
    direct = {**old, "spec": inner}
    told = scene.refused("POST", VMS.replace("/v1/", "/v1alpha1/"), direct)
    assert f"{before}spec.domain.devices.disks[0].volumeName 'registryvolume' not found." in told


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


def test_a_machine_that_is_replaced_by_its_manifest_stays_the_same_machine(scene: Scene) -> None:
    made = scene.api.request("POST", VMS, vm("replaced"))
    firmware = made["spec"]["template"]["spec"]["domain"]["firmware"]
    manifest = vm("replaced", runStrategy="Once")
    manifest["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    scene.api.request("PUT", f"{VMS}/replaced", manifest)
    after = scene.api.request("GET", f"{VMS}/replaced")
    assert (after["spec"]["runStrategy"], after["metadata"]["generation"]) == ("Once", 2)
    assert after["spec"]["template"] == made["spec"]["template"]
    assert set(firmware) == {"uuid", "serial"}


def test_presets_that_conflict_are_refused_with_both_names(scene: Scene) -> None:
    for name, cores in (("one", 1), ("two", 2)):
        spec = {"selector": {"matchLabels": {"size": "small"}}, "domain": {"devices": {}, "cpu": {"cores": cores}}}
        kind = "VirtualMachineInstancePreset"
        obj = {"apiVersion": "kubevirt.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        scene.api.request("POST", PRESETS, obj)
    posted = vmi("conflict")
    posted["metadata"]["labels"] = {"size": "small"}
    told = "presets 'one' and 'two' conflict"
    virt_api_process.until(lambda: _contains(told, scene.refused("POST", f"{VMIS}?dryRun=All", posted)))
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


def test_the_installation_says_what_guests_get(scene: Scene) -> None:
    namespace = virt_api_process.NAMESPACE
    scene.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    amd64 = {"machineType": "pc-q35-9.0", "emulatedMachines": ["pc-q35-*"]}
    configuration = {"cpuModel": "Nehalem", "cpuRequest": "200m", "architectureConfiguration": {"amd64": amd64}}
    kubevirt = {**_object("KubeVirt", {"configuration": configuration}), "metadata": {"name": "kubevirt"}}
    path = f"/apis/kubevirt.io/v1/namespaces/{namespace}/kubevirts"
    scene.api.request("POST", path, kubevirt)
    try:

        def heard() -> dict[str, Any]:
            domain: dict[str, Any] = scene.api.request("POST", f"{VMIS}?dryRun=All", vmi("says"))["spec"]["domain"]
            assert domain["machine"]["type"] == "pc-q35-9.0"
            return domain

        domain = virt_api_process.until(heard)
        assert (domain["cpu"]["model"], domain["resources"]["requests"]) == ("Nehalem", {"cpu": "200m"})
        other = vmi("other")
        other["spec"]["domain"]["machine"] = {"type": "q35"}
        assert "q35 (allowed values: [pc-q35-*])" in scene.refused("POST", VMIS, other)
    finally:
        scene.api.request("DELETE", f"{path}/kubevirt")
    virt_api_process.until(lambda: scene.api.request("POST", f"{VMIS}?dryRun=All", other))


CHANGED = [
    ("VirtualMachine", {"runStrategy": "Sometimes"}, "Invalid RunStrategy (Sometimes)"),
    ("VirtualMachineInstance", {"hostname": "x"}, "update of VMI object is restricted"),
    (
        "VirtualMachineInstanceReplicaSet",
        {"template": {"metadata": {"labels": {"app": "other"}}}},
        "selector does not match labels.",
    ),
    ("VirtualMachineInstancePreset", {"domain": None}, "missing domain."),
    ("VirtualMachineInstanceMigration", {"vmiName": "x"}, "update of Migration object's spec is restricted"),
    ("MigrationPolicy", {"bandwidthPerMigration": "-1"}, "must not be negative"),
    ("KubeVirt", {"configuration": {"admission": {"siteRules": ["../x"]}}}, "names no site rule"),
]


@pytest.mark.parametrize(("kind", "change", "message"), CHANGED, ids=[kind for kind, _, _ in CHANGED])
def test_every_kind_is_judged_when_it_is_changed(scene: Scene, kind: str, change: dict[str, Any], message: str) -> None:
    """The change is refused; one of something else is not, although nobody acts on some of the kinds yet."""
    path = f"{path_of(next(obj for obj in STORED_BEFORE if obj['kind'] == kind))}/before"
    assert message in scene.refused("PATCH", path, {"spec": change})
    scene.patch(path, {"metadata": {"labels": {"free": "to-change"}}})


def test_what_is_being_deleted_may_go_whatever_it_says(scene: Scene) -> None:
    """Somebody who takes a finalizer off an object that is being deleted is not judged, not even for what he changes beside it."""
    leaving = vm("leaving")
    leaving["metadata"]["finalizers"] = ["example.com/wait"]
    scene.api.request("POST", VMS, leaving)
    scene.api.request("DELETE", f"{VMS}/leaving")
    scene.patch(f"{VMS}/leaving", {"metadata": {"finalizers": None}, "spec": {"runStrategy": "Sometimes"}})
    with pytest.raises(bare_api_server.APIServerError, match="not found"):
        scene.api.request("GET", f"{VMS}/leaving")


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
    scene.virt_api.stop()
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
        scene.virt_api.start()
    assert json.dumps(scene.api.request("POST", f"{VMS}?dryRun=All", vm("again")))
