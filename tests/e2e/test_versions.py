"""The versions of VirtualMachine as a user meets them: the oldest form boots, each version reads back what was written, and a run that is over stays over.

In scope: the API server, virt-api's conversion, and a guest that was described in the oldest form. Not in scope: every field on its way through the conversion
(tests/unit/plugins/module_utils/conversion).
"""

from __future__ import annotations

import json
import pathlib
import time
from typing import Any

import yaml
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

EXAMPLE = clusters.ROOT / "examples" / "vm-v1alpha1.yaml"
NAME = "oldest"
_DEMO_SECONDS = 420
_LOOK_SECONDS = 8.0


def read(namespace: namespaces.Namespace, version: str, name: str = NAME) -> dict[str, Any]:
    """The machine in one version."""
    text = namespace.kubectl("get", f"virtualmachines.{version}.kubevirt.io", name, "--output=json")
    found: dict[str, Any] = json.loads(text)
    assert found["apiVersion"] == f"kubevirt.io/{version}"
    return found


def printable_status(namespace: namespaces.Namespace) -> str:
    return str((read(namespace, "v1").get("status") or {}).get("printableStatus"))


def boot(namespace: namespaces.Namespace, directory: pathlib.Path) -> dict[str, Any]:
    """The example as posted, once `make demo`'s playbook has booted it to its login prompt."""
    [posted] = [obj for obj in yaml.safe_load_all(EXAMPLE.read_text()) if obj]
    posted["metadata"]["namespace"] = namespace.name
    manifest = directory / "vm.yaml"
    manifest.write_text(yaml.safe_dump(posted))
    settings = {"demo_example": str(manifest), "demo_name": NAME, "demo_namespace": namespace.name}
    play = ("ansible-playbook", "playvirt.core.demo", "--extra-vars", json.dumps(settings))
    shown = namespace.cluster.run(*play, seconds=_DEMO_SECONDS).stdout
    assert f"{NAME} login:" in shown
    found: dict[str, Any] = posted
    return found


def test_oldest_form(namespace: namespaces.Namespace, tmp_path: pathlib.Path) -> None:
    """A machine with `spec.domain`, a `registryDisk` and disks named otherwise than their volumes boots and runs once.

    It reads back as posted, and in v1 as a modern one.
    """
    posted = boot(namespace, tmp_path)
    old = read(namespace, "v1alpha1")
    assert old["spec"] == posted["spec"]
    assert old["metadata"]["labels"] == posted["metadata"]["labels"]
    assert not old["metadata"].get("annotations")

    modern = read(namespace, "v1")["spec"]
    assert modern["runStrategy"] == "Once"
    assert modern["template"]["metadata"]["labels"] == posted["metadata"]["labels"]
    template = modern["template"]["spec"]
    assert [disk["name"] for disk in template["domain"]["devices"]["disks"]] == ["registryvolume", "cloudinitvolume"]
    image = posted["spec"]["volumes"][0]["registryDisk"]["image"]
    assert template["volumes"][0] == {"name": "registryvolume", "containerDisk": {"image": image}}

    assert_runs_once(namespace)


def assert_runs_once(namespace: namespaces.Namespace) -> None:
    """The guest turns itself off: its instance stays as it ended, and when that is deleted nothing comes in its place."""
    uid = namespace.wait_running(NAME)["metadata"]["uid"]
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        console.run("(sleep 2; poweroff -f) > /dev/null 2>&1 & true")
    namespace.wait_for("the run is over", 60, lambda: namespace.phase(NAME) == "Succeeded")
    namespace.wait_for("status Stopped", 30, lambda: printable_status(namespace) == "Stopped")
    time.sleep(_LOOK_SECONDS)
    ended = namespace.instance(NAME)
    assert ended is not None
    assert (ended["metadata"]["uid"], ended["status"]["phase"]) == (uid, "Succeeded")

    namespace.kubectl("delete", "virtualmachineinstance", NAME, "--wait=false")
    namespace.wait_gone("VirtualMachineInstance", NAME)
    time.sleep(_LOOK_SECONDS)
    assert namespace.instance(NAME) is None
    assert printable_status(namespace) == "Stopped"


def test_every_version_shows_one_machine(namespace: namespaces.Namespace) -> None:
    """A machine made in v1 is listed and read in each version, and a change in the oldest one changes that and nothing else."""
    namespace.apply(machines.machine(NAME, run_strategy="Halted", user_data="#cloud-config\nhostname: teller\n"))
    before = read(namespace, "v1")
    assert read(namespace, "v1alpha3")["spec"] == before["spec"]
    old = read(namespace, "v1alpha1")
    volume = old["spec"]["template"]["spec"]["volumes"][0]
    assert volume == {"name": "root", "registryDisk": {"image": machines.TINY_IMAGE}}
    assert old["spec"]["template"]["spec"]["domain"]["devices"]["disks"][0]["volumeName"] == "root"

    resource = "virtualmachines.v1alpha1.kubevirt.io"
    assert namespace.kubectl("get", resource, "--output=name").split() == [f"virtualmachine.kubevirt.io/{NAME}"]
    change = json.dumps({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}})
    namespace.kubectl("patch", resource, NAME, "--type=merge", "--patch", change)
    after = read(namespace, "v1")
    before["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 7
    assert after["spec"] == before["spec"]
    assert after["metadata"].get("annotations") == before["metadata"].get("annotations")
