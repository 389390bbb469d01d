"""What somebody is told who posts something wrong, what presets do, and what goes on while nobody judges.

In scope: virt-api as the installation has deployed and registered it, asked by kubectl. Not in scope: every rule by itself
(tests/unit/plugins/module_utils/admission, tests/integration/test_admission.py). Instance replica sets, migrations and migration policies are not acted
on yet, so that none can be made and no update of one be judged; fields that are not acted on are test_installation's.
"""

from __future__ import annotations

import concurrent.futures
import copy
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import components, machines, nodes
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

DISK = "spec.template.spec.domain.devices.disks[0]"
NOWHERE = {"nowhere": "at-all"}
#: how long virt-api takes, at most, to hear of a preset
HEARD_SECONDS = 15

Object = dict[str, Any]


def refused(namespace: namespaces.Namespace, *arguments: str, obj: Mapping[str, Any] | None = None) -> str:
    """What kubectl tells on standard error when it fails, which it has to."""
    argv = ("kubectl", "--namespace", namespace.name, *arguments, *(("--filename", "-") if obj is not None else ()))
    done = namespace.cluster.run(*argv, stdin=None if obj is None else json.dumps(obj), check=False)
    assert done.returncode != 0, f"{' '.join(argv)} was accepted:\n{done.stdout}\n{done.stderr}"
    return done.stderr


def of(kind: str, spec: Object, *, group: str = machines.KUBEVIRT, name: str = "wrong") -> Object:
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}


def machine_with(disk: Object, volume: Object, *, version: str) -> Object:
    """A machine with one disk and one volume, in that version."""
    made = machines.machine("wrong", run_strategy="Halted")
    made["apiVersion"] = f"kubevirt.io/{version}"
    made["spec"]["template"]["spec"]["domain"]["devices"]["disks"] = [disk]
    made["spec"]["template"]["spec"]["volumes"] = [volume]
    return made


@pytest.mark.parametrize("version", ["v1", "v1alpha3"])
def test_a_disk_without_a_volume(namespace: namespaces.Namespace, version: str) -> None:
    """`kubectl apply` names the field and the name that nothing has."""
    disk = {"name": "registryvolume", "disk": {"bus": "virtio"}}
    volume = {"name": "root", "containerDisk": {"image": machines.TINY_IMAGE}}
    told = refused(namespace, "apply", obj=machine_with(disk, volume, version=version))
    assert f"{DISK}.name: {DISK}.name 'registryvolume' not found." in told


def test_a_disk_without_a_volume_in_the_oldest_form(namespace: namespaces.Namespace) -> None:
    """In v1alpha1 the field is called otherwise, and the message says so: with `spec.template` and with `spec.domain`."""
    disk = {"name": "mydisk", "volumeName": "registryvolume", "disk": {"bus": "virtio"}}
    volume = {"name": "root", "registryDisk": {"image": machines.TINY_IMAGE}}
    templated = machine_with(disk, volume, version="v1alpha1")
    told = refused(namespace, "apply", obj=templated)
    assert f"{DISK}.volumeName: {DISK}.volumeName 'registryvolume' not found." in told

    direct = {**templated, "spec": templated["spec"]["template"]["spec"]}
    field = DISK.replace("spec.template.", "") + ".volumeName"
    assert f"{field}: {field} 'registryvolume' not found." in refused(namespace, "apply", obj=direct)


REPLICAS = {
    "selector": {"matchLabels": {"a": "b"}},
    "template": {"metadata": {"labels": {"a": "c"}}, "spec": machines.spec()},
}
CREATED = [
    (of("VirtualMachine", {"template": {"spec": machines.spec()}}), "RunStrategy must be specified"),
    (
        of("VirtualMachineInstance", {**machines.spec(), "hostname": "Not_a_name"}),
        "spec.hostname does not conform to the kubernetes DNS_LABEL rules",
    ),
    (of("VirtualMachineInstanceReplicaSet", REPLICAS), "selector does not match labels."),
    (of("VirtualMachineInstancePreset", {"selector": {}}), "missing domain."),
    (of("VirtualMachineInstanceMigration", {"vmiName": "nobody"}), '/nobody" does not exist'),
    (
        of(
            "MigrationPolicy",
            {"selectors": {}, "bandwidthPerMigration": "-1"},
            group="migrations.kubevirt.io/v1alpha1",
        ),
        "must not be negative",
    ),
    (of("KubeVirt", {"configuration": {"admission": {"siteRules": ["../x"]}}}), "names no site rule"),
]


@pytest.mark.parametrize(("obj", "message"), CREATED, ids=[obj["kind"] for obj, _ in CREATED])
def test_each_kind_is_judged_when_it_is_made(namespace: namespaces.Namespace, obj: Object, message: str) -> None:
    """One refusal of each kind."""
    assert message in refused(namespace, "create", obj=obj)
    assert namespace.kubectl("get", obj["kind"], "wrong", "--ignore-not-found") == ""


UPDATED = [
    (machines.machine("made", run_strategy="Halted"), {"runStrategy": "Sometimes"}, "Invalid RunStrategy (Sometimes)"),
    (
        machines.instance("made", node_selector=NOWHERE),
        {"hostname": "other"},
        "update of VMI object is restricted",
    ),
    (
        of("VirtualMachineInstancePreset", {"selector": {}, "domain": {"devices": {}}}, name="made"),
        {"domain": None},
        "missing domain.",
    ),
]


@pytest.mark.parametrize(("obj", "change", "message"), UPDATED, ids=[obj["kind"] for obj, _, _ in UPDATED])
def test_each_kind_is_judged_when_it_is_changed(
    namespace: namespaces.Namespace, obj: Object, change: Object, message: str
) -> None:
    """One refused change of each kind that can be made, and a change of something else that is let through."""
    namespace.apply(obj)
    patch = ("patch", obj["kind"], "made", "--type=merge", "--patch")
    assert message in refused(namespace, *patch, json.dumps({"spec": change}))
    namespace.kubectl(*patch, json.dumps({"metadata": {"labels": {"free": "to-change"}}}))


def test_reserved_labels(namespace: namespaces.Namespace) -> None:
    """Nobody but playvirt says where an instance is."""
    namespace.apply(machines.instance("made", node_selector=NOWHERE))
    patch = ("patch", "vmi", "made", "--type=merge", "--patch")
    told = refused(namespace, *patch, json.dumps({"metadata": {"labels": {"kubevirt.io/nodeName": "elsewhere"}}}))
    assert "modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited" in told


def test_the_installation_is_judged_when_it_is_changed(cluster: clusters.Cluster) -> None:
    """A site rule that cannot be is refused, and the installation stays as it is."""
    change = json.dumps({"spec": {"configuration": {"admission": {"siteRules": ["../x"]}}}})
    where = ("patch", "kubevirt", "kubevirt", "--namespace", clusters.INSTALLATION, "--type=merge", "--patch", change)
    done = cluster.run("kubectl", *where, check=False)
    assert done.returncode != 0
    assert "names no site rule" in done.stderr
    spec = cluster.get("KubeVirt", "kubevirt", clusters.INSTALLATION)["spec"]
    assert "siteRules" not in json.dumps(spec)


def preset(name: str, cores: int) -> Object:
    domain = {"devices": {}, "cpu": {"cores": cores}}
    return of(
        "VirtualMachineInstancePreset", {"selector": {"matchLabels": {"size": "small"}}, "domain": domain}, name=name
    )


def tried(namespace: namespaces.Namespace, obj: Mapping[str, Any]) -> tuple[Object | None, str]:
    """The object as it would be stored, or None, and what kubectl tells on standard error."""
    argv = ("create", "--dry-run=server", "--output=json", "--filename", "-")
    done = namespace.cluster.run("kubectl", "--namespace", namespace.name, *argv, stdin=json.dumps(obj), check=False)
    return (json.loads(done.stdout) if done.returncode == 0 else None), done.stderr


def small(**cpu: int) -> Object:
    """An instance with the label that the presets select; with its own CPU where one is said."""
    made = machines.instance("small")
    made["metadata"]["labels"] = {"size": "small"}
    if cpu:
        made["spec"]["domain"]["cpu"] = cpu
    return made


def test_presets(namespace: namespaces.Namespace) -> None:
    """A preset fills what an instance leaves open and overrides nothing; two that say different things are refused, with both names."""
    namespace.apply(preset("two-cores", 2))

    def merged() -> Object | None:
        made, _ = tried(namespace, small())
        return made if made is not None and made["spec"]["domain"]["cpu"]["cores"] == 2 else None

    made = namespace.wait_for("an instance with the preset's cores", HEARD_SECONDS, merged)
    assert made["metadata"]["annotations"]["virtualmachinepreset.kubevirt.io/two-cores"] == "kubevirt.io/v1"
    own, told = tried(namespace, small(cores=1))
    assert own is not None
    assert own["spec"]["domain"]["cpu"]["cores"] == 1
    assert "spec.domain.cpu.cores '1' overrides VirtualMachineInstancePreset 'two-cores', which says '2'" in told

    namespace.apply(preset("four-cores", 4))

    def conflict() -> str:
        _, told = tried(namespace, small())
        return told if "conflict" in told else ""

    told = namespace.wait_for("the refusal of a conflict", HEARD_SECONDS, conflict)
    assert "'four-cores'" in told
    assert "'two-cores'" in told
    machine = machines.machine("small", run_strategy="Halted")
    machine["spec"]["template"]["metadata"]["labels"] = {"size": "small"}
    told = refused(namespace, "apply", obj=machine)
    assert "'four-cores'" in told
    assert "'two-cores'" in told

    excluded = small()
    excluded["metadata"]["annotations"] = {"virtualmachineinstancepresets.admission.kubevirt.io/exclude": "true"}
    left_alone, _ = tried(namespace, excluded)
    assert left_alone is not None
    assert left_alone["spec"]["domain"]["cpu"]["cores"] == 1


def test_a_preset_reaches_the_guest(namespace: namespaces.Namespace) -> None:
    """A machine whose template a preset selects starts an instance with what the preset says, and the guest has it."""
    namespace.apply(preset("two-cores", 2))
    namespace.wait_for(
        "the preset is known", HEARD_SECONDS, lambda: "two-cores" in json.dumps(tried(namespace, small())[0])
    )
    machine = machines.machine("small")
    machine["spec"]["template"]["metadata"]["labels"] = {"size": "small"}
    namespace.apply(machine)
    assert namespace.wait_running("small")["spec"]["domain"]["cpu"]["cores"] == 2
    with namespace.console("small") as console:
        console.log_in("root", "playvirt")
        assert console.run("grep -c ^processor /proc/cpuinfo") == "2"


def test_the_examples(cluster: clusters.Cluster) -> None:
    """`kubectl apply --dry-run=server` takes every object of every example."""
    examples = clusters.ROOT / "examples"
    count = sum(1 for file in examples.glob("*.yaml") for obj in yaml.safe_load_all(file.read_text()) if obj)
    assert count > 3
    told = cluster.kubectl("apply", "--dry-run=server", "--filename", str(examples))
    assert told.count("(server dry run)") == count


def test_without_virt_api(namespace: namespaces.Namespace) -> None:
    """With nobody to judge, nothing is made or changed; what runs runs on and can be deleted."""
    cluster = namespace.cluster
    for name in ("stays", "goes"):
        namespace.apply(machines.machine(name))
    before = {name: namespace.wait_running(name)["metadata"]["uid"] for name in ("stays", "goes")}
    [qemu] = nodes.qemus(namespace.name, "stays")
    with components.without(cluster, "virt-api"):
        assert "failed calling webhook" in refused(namespace, "create", obj=machines.machine("never"))
        with namespace.console("stays") as console:
            console.log_in("root", "playvirt")
            assert console.run("echo $((6 * 7))") == "42"
        namespace.kubectl("delete", "virtualmachine", "goes", "--wait=false")
        namespace.wait_gone("VirtualMachine", "goes")
        namespace.wait_gone("VirtualMachineInstance", "goes")
        assert nodes.qemus(namespace.name, "goes") == []
    now = namespace.instance("stays")
    assert now is not None
    assert (now["metadata"]["uid"], now["status"]["phase"]) == (before["stays"], "Running")
    assert [process.pid for process in nodes.qemus(namespace.name, "stays")] == [qemu.pid]
    assert namespace.find("VirtualMachine", "never") is None
    namespace.apply(machines.machine("again", run_strategy="Halted"))


CREATES, AT_A_TIME, WRONG_EVERY = 2000, 8, 20
_TRIES, _PAUSE_SECONDS = 20, 0.5


class Creating:
    """2,000 machines, every twentieth of them wrong, made by several clients that try again where nobody could judge."""

    def __init__(self, namespace: namespaces.Namespace) -> None:
        self._namespace = namespace
        self._count = threading.Semaphore(0)
        self.good = machines.machine("good", run_strategy="Halted")
        self.bad = copy.deepcopy(self.good)
        self.bad["spec"]["template"]["spec"]["domain"]["devices"]["disks"][0]["name"] = "lost"

    def wait_for(self, count: int) -> None:
        """Wait until so many more are answered."""
        for _ in range(count):
            assert self._count.acquire(timeout=60)

    def one(self, number: int) -> str:
        """`made` or `refused`."""
        wrong = number % WRONG_EVERY == 0
        obj = {**(self.bad if wrong else self.good), "metadata": {"name": f"{'bad' if wrong else 'good'}-{number}"}}
        try:
            for _ in range(_TRIES):
                answer = self._answer(obj)
                if "failed calling webhook" not in answer:
                    return "refused" if "'lost' not found." in answer else answer
                time.sleep(_PAUSE_SECONDS)
            raise AssertionError(f"nobody judged {obj['metadata']['name']} in {_TRIES} tries")
        finally:
            self._count.release()

    def _answer(self, obj: Object) -> str:
        try:
            self._namespace.create(obj)
        except errors.AlreadyExists:  # by a try before, whose answer was lost
            return "made"
        except errors.PlayvirtError as error:
            return str(error)
        return "made"


@pytest.mark.full
def test_a_replica_is_killed_during_many_creates(namespace: namespaces.Namespace) -> None:
    """Of 2,000 creates while one of the two replicas is killed none is lost, and none passes unjudged.

    All wrong ones are refused, and all others have their defaults.
    """
    cluster = namespace.cluster
    creating = Creating(namespace)
    with (
        components.without(cluster, "virt-controller"),
        concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool,
    ):
        answers = [pool.submit(creating.one, number) for number in range(CREATES)]
        creating.wait_for(CREATES // 4)
        victim = cluster.component_pods("virt-api")[0]["metadata"]["name"]
        kill = ("delete", "pod", victim, "--namespace", clusters.INSTALLATION, "--grace-period=0", "--force")
        cluster.kubectl(*kill)
        told = [answer.result(timeout=600) for answer in answers]
        found = namespace.find_all("VirtualMachine")
        path = f"/apis/kubevirt.io/v1/namespaces/{namespace.name}/virtualmachines"
        cluster.kubectl("delete", "--raw", path, seconds=300)

    wrong = CREATES // WRONG_EVERY
    assert (told.count("made"), told.count("refused")) == (CREATES - wrong, wrong)
    expected = {f"good-{number}" for number in range(CREATES) if number % WRONG_EVERY}
    assert {obj["metadata"]["name"] for obj in found} == expected
    unjudged = [obj for obj in found if not obj["spec"]["template"]["spec"]["domain"].get("firmware", {}).get("uuid")]
    assert [obj["metadata"]["name"] for obj in unjudged] == []
