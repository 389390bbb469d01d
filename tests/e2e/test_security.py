"""What a launcher may do: almost nothing; and what it gets when somebody has taken it over: nothing from the node.

In scope: the confinement of the container as seen from inside, and virt-handler's way of reaching into a launcher that plants links. Not in scope: the
same checks on a hand-written pod (test_launcher_pod), and each refusal by itself (tests/integration/test_launcher_isolation).
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.pod import launcher
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import installation
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import machines, nodes
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME, NEIGHBOUR = "guarded", "neighbour"
HOSTILE = pathlib.Path(__file__).with_name("hostile_launcher.py")
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
#: the device nodes that every container has, and the one that a launcher asks for
DEVICES = {"full", "null", "random", "tty", "urandom", "zero", "net/tun"}
#: a directory of the node that everybody may write to: what follows a link to it leaves a trace
DECOY = "run/playvirt-e2e-decoy"
#: what a hostile launcher puts in place of libvirt's socket, and what virt-handler says
PLANTS = {"link": "is a link, which is never followed", "file": "is not a socket", "fifo": "is not a socket"}
#: what a hostile launcher prints: that it was heard, and each request that it answered
ASKED = {"connected", "serve_dhcp", "make_disks", "make_cloud_init"}


def inside(namespace: namespaces.Namespace, script: str) -> str:
    """What a shell in the launcher's container prints."""
    pod = namespace.launcher(NAME)
    assert pod is not None
    return namespace.kubectl("exec", pod["metadata"]["name"], "--container=compute", "--", "sh", "-c", script)


def test_launcher_is_confined(namespace: namespaces.Namespace) -> None:
    """User 107 without any capability, no new privileges, seccomp, a read-only root, no token, no device but a tun."""
    namespace.apply(machines.instance(NAME))
    namespace.wait_running(NAME)
    for process in ("1", "self"):
        status = dict(
            line.split(":", 1) for line in inside(namespace, f"cat /proc/{process}/status").splitlines() if ":" in line
        )
        assert status["Uid"].split() == ["107"] * 4
        assert status["Gid"].split() == ["107"] * 4
        assert {status[name].strip() for name in CAPABILITIES} == {"0" * 16}
        assert status["NoNewPrivs"].strip() == "1"
        assert status["Seccomp"].strip() == "2"
    mounts = {
        fields[1]: fields[3].split(",") for fields in map(str.split, inside(namespace, "cat /proc/mounts").splitlines())
    }
    assert "ro" in mounts["/"]
    assert "ro" in mounts["/run/playvirt"]
    assert (
        inside(
            namespace,
            "touch /here /usr/here /run/playvirt/here 2>/dev/null; ls -d /here /usr/here /run/playvirt/here 2>/dev/null; true",
        )
        == ""
    )
    assert inside(namespace, "ls -A /var/run/secrets 2>/dev/null; true") == ""
    devices = inside(namespace, "cd /dev; find . -type c -not -path './pts/*' -o -type b").split()
    assert {name.removeprefix("./") for name in devices} == DEVICES


@pytest.fixture
def decoys(cluster: clusters.Cluster) -> Iterator[list[pathlib.Path]]:
    """On each node, the directory that the links lead to."""
    made = [node.directory / DECOY for node in cluster.nodes().values()]
    for directory in made:
        directory.mkdir(exist_ok=True)
        directory.chmod(0o777)
        (directory / "precious").write_text("untouched\n")
    yield made
    for directory in made:
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()


def argv(plant: str, vmi: clusters.Object, state: str) -> list[str]:
    """The hostile launcher's command line, in the name of an instance."""
    meta = vmi["metadata"]
    return [
        "python3",
        "-c",
        HOSTILE.read_text(),
        plant,
        f"/{DECOY}",
        meta["namespace"],
        meta["name"],
        meta["uid"],
        state,
    ]


def message(namespace: namespaces.Namespace, name: str) -> str:
    """What the instance's condition Synchronized says."""
    return str(clusters.condition(namespace.instance(name), "Synchronized").get("message", ""))


def wait_for_refusal(namespace: namespaces.Namespace, name: str, pattern: str) -> None:
    """Wait until the instance's condition begins with a match."""
    namespace.wait_for(f"{name} tells of {pattern!r}", 240, lambda: re.match(pattern, message(namespace, name)))


def check_untouched(directories: list[pathlib.Path]) -> None:
    """Nobody followed a link out of a launcher."""
    for directory in directories:
        assert {path.name: path.read_text() for path in directory.iterdir()} == {"precious": "untouched\n"}


def printed(namespace: namespaces.Namespace, name: str) -> set[str]:
    """The words in the logs of the instance's pod; none as long as the kubelet has not yet written that its container runs."""
    return set(namespace.kubectl("logs", "--tail=-1", "--selector", f"vm.kubevirt.io/name={name}", check=False).split())


def pretend(namespace: namespaces.Namespace, plant: str) -> str:
    """An instance that is handed over to a node, and in place of its launcher a hostile one; as whoever may create pods could do it."""
    name = f"pretender-{plant}"
    vmi = namespace.create(machines.instance(name, user_data="#cloud-config\nhostname: guarded\n"))
    cluster = namespace.cluster
    [kubevirt] = cluster.find_all("KubeVirt")
    pod = launcher.render_launcher_pod(vmi, installation.launcher_of(kubevirt))
    [compute] = [each for each in pod["spec"]["containers"] if each["name"] == "compute"]
    compute["command"], compute["args"] = argv(plant, vmi, "absent"), []
    pod["spec"] |= {"containers": [compute], "terminationGracePeriodSeconds": 1}
    cluster.create(pod)
    pod_name = pod["metadata"]["name"]
    found = namespace.wait_for(
        f"node of {pod_name}", 120, lambda: cluster.get("Pod", pod_name, namespace.name)["spec"].get("nodeName")
    )
    status = {"phase": "Scheduled", "nodeName": found}
    namespace.kubectl(
        "patch", "vmi", name, "--subresource=status", "--type=merge", "--patch", json.dumps({"status": status})
    )
    return name


def test_hostile_launcher(
    namespace: namespaces.Namespace, without_controllers: None, decoys: list[pathlib.Path]
) -> None:
    """Whatever is in place of libvirt's socket, virt-handler refuses and says so on the instance; nothing on the node is made or changed."""
    names = {plant: pretend(namespace, plant) for plant in PLANTS}
    for plant, words in PLANTS.items():
        pattern = rf"Define the domain: /run/libvirt/libvirt-sock in the launcher \(process \d+\) {words}"
        wait_for_refusal(namespace, names[plant], pattern)
    for name in names.values():
        namespace.wait_for(f"what {name} was asked for", 60, lambda name=name: printed(namespace, name) >= ASKED)
        assert namespace.phase(name) == "Scheduled"
    check_untouched(decoys)


@contextlib.contextmanager
def taken_over(namespace: namespaces.Namespace, plant: str, vmi: clusters.Object, state: str) -> Iterator[None]:
    """Beside the launcher of NAME a hostile one runs in the same container while the block runs."""
    pod = namespace.launcher(NAME)
    assert pod is not None
    where = ["--namespace", namespace.name, pod["metadata"]["name"], "--container=compute"]
    program = ["kubectl", "exec", *where, "--", *argv(plant, vmi, state)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=namespace.cluster.environment) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "connected\n"
            yield
        finally:
            namespace.kubectl("exec", *where[2:], "--", "pkill", "-f", "python3 -c", check=False)
            process.kill()


def test_link_in_place_of_a_running_guests_socket(namespace: namespaces.Namespace, decoys: list[pathlib.Path]) -> None:
    """virt-handler follows no link to shut a guest down either; the guest is turned off all the same, and the instance goes."""
    namespace.apply(machines.instance(NAME, user_data="#cloud-config\nhostname: guarded\n"))
    found = namespace.wait_running(NAME)
    assert len(nodes.qemus(namespace.name, NAME)) == 1
    with taken_over(namespace, "link", found, "running"):
        namespace.kubectl("delete", "vmi", NAME, "--wait=false")
        pattern = "(Press the guest's power button|Turn the guest off): /run/libvirt/libvirt-sock .*"
        wait_for_refusal(namespace, NAME, pattern + PLANTS["link"])
    namespace.wait_gone("VirtualMachineInstance", NAME)
    assert nodes.qemus(namespace.name, NAME) == []
    check_untouched(decoys)


def test_hello_in_the_name_of_another(namespace: namespaces.Namespace) -> None:
    """A launcher that says it is its neighbour's, and that the neighbour has crashed, changes nothing for the neighbour."""
    namespace.apply(machines.instance(NAME))
    namespace.apply(machines.instance(NEIGHBOUR))
    own = namespace.wait_running(NAME)
    neighbour = namespace.wait_running(NEIGHBOUR)
    before = nodes.qemus(namespace.name, NEIGHBOUR)
    with taken_over(namespace, "nothing", neighbour, "crashed"):
        namespace.kubectl("label", "vmi", NEIGHBOUR, "look=again")
    with taken_over(namespace, "nothing", own, "crashed"):
        # Of its own pod the handler believes it; by then it has also heard what was said before.
        namespace.wait_for(f"{NAME} is taken for crashed", 180, lambda: namespace.phase(NAME) == "Failed")
    assert namespace.phase(NEIGHBOUR) == "Running"
    assert nodes.qemus(namespace.name, NEIGHBOUR) == before
