"""A launcher pod written by hand boots a guest: uid 107, no capability, a tap, and no role or runner involved.

In scope: the launcher image and its confinement, the line to a handler, the guest's disks, network, console and shutdown, and what is left
when libvirtd, QEMU, the launcher or the handler end. Not in scope: virt-handler itself, Services, the device plugin. The handler's part is
played by launcher_node.py. It needs a cluster that has the images of `.cluster/images.json`.
"""

from __future__ import annotations

import json
import pathlib
import string
import subprocess
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

HERE = pathlib.Path(__file__).parent
STATE = HERE.parents[1] / ".cluster"
NAMESPACE = "playvirt-e2e-launcher"
GUEST_SECONDS = 300
END_SECONDS = 240
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True) -> str:
    argv = ["kubectl", "--namespace", NAMESPACE, *arguments]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=400, check=False)
    assert not check or done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout


def wait_for(what: str, seconds: float, look: Any) -> Any:
    """What `look` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.3)
    return found


def images() -> dict[str, str]:
    """The names of the images under test."""
    built = json.loads((STATE / "images.json").read_text())
    name = f"{built['registry']}/{{}}:{built['tag']}"
    return {
        "launcher_image": name.format("virt-launcher"),
        "playvirt_image": name.format("playvirt"),
        "disk_image": f"{built['registry']}/tiny-container-disk:devel",
    }


def render(manifest: str, **values: Any) -> str:
    return string.Template((HERE / "manifests" / manifest).read_text()).substitute(values)


class Launcher:
    """One launcher pod and its guest."""

    def __init__(self, node: str, *, fence_seconds: int = 60, grace_seconds: int = 120) -> None:
        self.uid = str(uuid.uuid4())
        self.name = f"vm-{self.uid[:8]}"
        times = {"fence_seconds": fence_seconds, "grace_seconds": grace_seconds}
        values = {"name": self.name, "uid": self.uid, "node": node, **times, **images()}
        kubectl("apply", "-f", "-", stdin=render("launcher-pod.yaml", **values))
        wait_for("hello of the launcher", GUEST_SECONDS, lambda: self.ask("states"))

    def ask(self, what: str, **order: Any) -> Any:
        """Have the handler do something for this launcher."""
        order |= {"do": what, "name": self.name}
        asking = ("exec", "node", "--", "python3", "/scripts/launcher_node.py", "ask", json.dumps(order))
        said = json.loads(kubectl(*asking))
        assert "answer" in said, f"{order}: {said}"
        return said["answer"]

    def command(self, command: str, **arguments: Any) -> Any:
        answer = self.ask("command", command=command, arguments=arguments)
        assert "result" in answer, answer
        return answer["result"]

    def start(self) -> None:
        """Everything from an empty pod to a running domain."""
        assert self.ask("network") is True
        disk = {
            "volume": "containerdisk",
            "kind": "containerDisk",
            "directory": "/var/run/kubevirt/container-disks/disk_0",
            "path": None,
            "overlay": "/var/run/kubevirt-ephemeral-disks/disk-data/containerdisk/disk.qcow2",
        }
        made = self.command("make_disks", disks=[disk])
        assert made["changed"]
        assert made["disks"][0]["backing"].startswith("/var/run/kubevirt/container-disks/disk_0/disk/")
        files = {"meta-data": f"instance-id: one\nlocal-hostname: {self.name}\n", "user-data": "#cloud-config\n"}
        path = "/var/run/kubevirt-ephemeral-disks/cloud-init-data/noCloud.iso"
        image = {"path": path, "label": "cidata", "files": files, "files_base64": {}, "secrets": []}
        assert self.command("make_cloud_init", volume="cloudinit", **image)["bytes"] == 1 << 20
        ipv4 = {"server": "10.0.2.1", "router": "10.0.2.1", "client": "10.0.2.2", "prefix": 24, "routes": []}
        lease = {"interface": "k6t-eth0", "mac": "52:54:00:a1:b2:c3", "mtu": 1450, "hostname": self.name, "ipv4": ipv4}
        self.command("serve_dhcp", leases=[lease])
        xml = render("launcher-domain.xml", name=self.name, uid=self.uid)
        assert self.ask("start", xml=xml) is True
        wait_for("running domain", END_SECONDS, lambda: self.state() == "running")

    def state(self) -> str:
        return str(self.ask("states")[-1]["state"])

    def qemu(self) -> int | None:
        found: dict[str, int] = self.ask("processes")
        return next((pid for name, pid in found.items() if name.startswith("qemu-system")), None)

    def console(self) -> str:
        """What the guest has printed; empty as long as the kubelet has not yet written that the container runs."""
        return kubectl("logs", self.name, "-c", "guest-console-log", check=False)

    def wait_for_login(self) -> None:
        # The prompt itself has no newline yet, and the kubelet logs whole lines: the line above it names the guest.
        wait_for("login prompt", GUEST_SECONDS, lambda: f"Guest tiny of playvirt {self.name} " in self.console())

    def end(self) -> tuple[str, dict[str, Any]]:
        """The pod's final phase, and how each container ended."""

        def look() -> Any:
            status = json.loads(kubectl("get", "pod", self.name, "-o", "json"))["status"]
            return status if status["phase"] in ("Succeeded", "Failed") else None

        status = wait_for("end of the pod", END_SECONDS, look)
        return status["phase"], {each["name"]: each["state"]["terminated"] for each in status["containerStatuses"]}


@pytest.fixture(scope="module")
def node() -> Iterator[str]:
    """The node that the handler's pod was scheduled to."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=true")
    kubectl("create", "namespace", NAMESPACE)
    # No pod can be made before its account, which a controller makes.
    kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s")
    kubectl("create", "configmap", "launcher-node", f"--from-file={HERE / 'launcher_node.py'}")
    kubectl("apply", "-f", "-", stdin=render("launcher-node.yaml", **images()))
    kubectl("wait", "--for=condition=Ready", "pod/node", "--timeout=300s")
    yield kubectl("get", "pod", "node", "-o", "jsonpath={.spec.nodeName}")
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_life_of_a_guest(node: str) -> None:
    launcher = Launcher(node)
    assert launcher.state() == "absent"
    launcher.start()
    launcher.wait_for_login()

    # A guest whose first questions for an address got no answer asks again in the background.
    page = f"{launcher.name} is a playvirt guest"
    wait_for("page of the guest", GUEST_SECONDS, lambda: page in launcher.ask("fetch", url="http://10.0.2.2/"))

    first = launcher.qemu()
    libvirtd = launcher.ask("processes")["libvirtd"]
    launcher.ask("kill", program="libvirtd", signal="SIGKILL")
    wait_for("new libvirtd", END_SECONDS, lambda: launcher.ask("processes").get("libvirtd") not in (None, libvirtd))
    assert launcher.qemu() == first is not None
    assert launcher.state() == "running"

    launcher.ask("kill", program="python3", signal="SIGTERM")
    phase, containers = launcher.end()
    assert phase == "Succeeded"
    assert [each["exitCode"] for each in containers.values()] == [0, 0]
    ending = json.loads(containers["compute"]["message"])
    assert (ending["state"], ending["reason"]) == ("shutoff", "shutdown")
    assert launcher.ask("states")[-1] == {"state": "shutoff", "reason": "shutdown"}
    assert "Power down" in launcher.console()


def test_launcher_is_confined(node: str) -> None:
    launcher = Launcher(node)
    status = dict(line.split(":", 1) for line in launcher.ask("status").splitlines() if ":" in line)
    assert status["Uid"].split() == ["107"] * 4
    assert status["Gid"].split() == ["107"] * 4
    assert {status[name].strip() for name in CAPABILITIES} == {"0" * 16}
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    inside = "touch /here /var/run/playvirt/here 2>&1; id -u"
    refused = kubectl("exec", launcher.name, "-c", "compute", "--", "sh", "-c", inside)
    assert refused.count("Read-only file system") == 2
    assert refused.endswith("107\n")
    launcher.ask("kill", program="python3", signal="SIGTERM")
    phase, containers = launcher.end()
    assert (phase, containers["compute"]["exitCode"]) == ("Succeeded", 0)


@pytest.mark.parametrize(
    ("program", "code", "reason"), [("qemu-system-x86", 1, "crashed"), ("python3", 137, None)], ids=["qemu", "launcher"]
)
def test_killed(node: str, program: str, code: int, reason: str | None) -> None:
    launcher = Launcher(node)
    launcher.start()
    qemu = launcher.qemu()
    launcher.ask("kill", program=program, signal="SIGKILL")
    phase, containers = launcher.end()
    assert phase == "Failed"
    assert containers["compute"]["exitCode"] == code
    assert containers["guest-console-log"]["exitCode"] == 0
    if reason is not None:
        assert json.loads(containers["compute"]["message"])["reason"] == reason
    assert kubectl("exec", "node", "--", "sh", "-c", f"test -e /proc/{qemu} || echo gone") == "gone\n"


def test_fence_falls_without_renewals(node: str) -> None:
    launcher = Launcher(node, fence_seconds=10)
    launcher.start()
    launcher.ask("stop_renewing")
    phase, containers = launcher.end()
    assert (phase, containers["compute"]["exitCode"]) == ("Failed", 1)
    assert json.loads(containers["compute"]["message"])["message"].startswith(
        "fenced: virt-handler renewed nothing for "
    )


def test_hanging_guest_is_destroyed_after_its_grace(node: str) -> None:
    launcher = Launcher(node, grace_seconds=10)
    launcher.start()
    launcher.ask("kill", program="qemu-system-x86", signal="SIGSTOP")
    launcher.ask("kill", program="python3", signal="SIGTERM")
    phase, containers = launcher.end()
    assert (phase, containers["compute"]["exitCode"]) == ("Succeeded", 0)
    assert json.loads(containers["compute"]["message"])["reason"] == "destroyed"
    assert launcher.ask("states")[-1] == {"state": "shutoff", "reason": "destroyed"}
