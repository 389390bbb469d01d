"""The embedded cluster as the stories see it: its API, kubectl, and the machine's playbooks; never another cluster.

In: the state directory `.cluster`. Out: objects as dicts, what commands print. Called by every story through the fixture `cluster`.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import kinds
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client
from ansible_collections.playvirt.core.tests.e2e import nodes, waiting

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATE = ROOT / ".cluster"
INSTALLATION = "kubevirt"
#: limits are for machines several times slower than ours: only what fails reaches them
COMMAND_SECONDS = 240
_LOG_LINES = 20
COMPONENTS = ("virt-operator", "virt-api", "virt-controller", "virt-handler")
_API_REPLICAS = 2

Object = dict[str, Any]

#: kind -> the version in which it is stored, which comes first in the table
_VERSIONS = {kind: version for version, kind in reversed(kinds.RESOURCES)}


class Cluster:
    """The cluster of one kubeconfig."""

    def __init__(self, state: pathlib.Path = STATE) -> None:
        """Connect to the embedded cluster of that state directory."""
        self.state = state
        self.kubeconfig = state / "kubeconfig"
        self._client = client.connect({"kubeconfig": str(self.kubeconfig)})
        # What `make` told this run about itself is not for the commands of a story.
        kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        self.environment = {
            **kept,
            "KUBECONFIG": str(self.kubeconfig),
            "K8S_AUTH_KUBECONFIG": str(self.kubeconfig),
            "PATH": f"{state / 'bin'}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
            "ANSIBLE_NOCOLOR": "1",
        }

    def run(
        self, *argv: str, stdin: str | None = None, seconds: float = COMMAND_SECONDS, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """A command of the machine on this cluster; with `check` it has to succeed."""
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL if stdin is None else None,
        )
        assert not check or done.returncode == 0, (
            f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
        return done

    def kubectl(
        self, *arguments: str, stdin: str | None = None, seconds: float = COMMAND_SECONDS, check: bool = True
    ) -> str:
        """What kubectl prints on standard output."""
        return self.run("kubectl", *arguments, stdin=stdin, seconds=seconds, check=check).stdout

    def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """The object, or None where there is none."""
        return self._client.get(_VERSIONS[kind], kind, namespace=namespace, name=name)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """The object, which has to be there."""
        found = self.find(kind, name, namespace)
        assert found is not None, f"there is no {kind} {name} in namespace {namespace}"
        return found

    def find_all(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[Object]:
        """The objects of a kind, those with the labels where some are given."""
        query = {"labelSelector": labels} if labels else None
        return self._client.list(_VERSIONS[kind], kind, namespace=namespace, query=query)

    def create(self, obj: Mapping[str, Any]) -> Object:
        """The object as created."""
        return self._client.create(obj)

    def patch(self, obj: Mapping[str, Any], change: Mapping[str, Any]) -> Object:
        """The object after a merge patch."""
        return self._client.patch(obj, change)

    def delete(self, obj: Mapping[str, Any]) -> None:
        """Request the object's deletion."""
        self._client.delete(obj)

    def component_pods(self, component: str) -> list[Object]:
        """The pods of one of COMPONENTS that are not being deleted."""
        pods = self.find_all("Pod", INSTALLATION, labels=f"kubevirt.io={component}")
        return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]

    def active_controller(self) -> str | None:
        """The name of the virt-controller pod that holds the Lease."""
        lease = self.find("Lease", "virt-controller", INSTALLATION) or {}
        return (lease.get("spec") or {}).get("holderIdentity") or None

    def is_ready(self) -> bool:
        """Whether playvirt is installed and each of its components works."""
        found = self.find("KubeVirt", "kubevirt", INSTALLATION) or {}
        if (found.get("status") or {}).get("phase") != "Deployed":
            return False
        pods = [pod for component in COMPONENTS for pod in self.component_pods(component)]
        ready = {pod["metadata"]["name"] for pod in pods if condition(pod, "Ready").get("status") == "True"}
        handlers, apis, operators = (
            [name for name in ready if name.startswith(f"{component}-")]
            for component in ("virt-handler", "virt-api", "virt-operator")
        )
        everywhere = len(handlers) == len(self.find_all("Node")) and len(apis) == _API_REPLICAS and bool(operators)
        return everywhere and self.active_controller() in ready

    def wait_for(self, what: str, seconds: float, look: Callable[[], Any]) -> Any:
        """What `look` returns once it is true; on time-out the message has the logs of playvirt's processes."""
        return waiting.wait_for(what, seconds, look, explain=self.explain)

    def explain(self) -> str:
        """The pods of the installation and the ends of their logs."""
        parts = [self.kubectl("get", "pods", "--all-namespaces", "-o", "wide", check=False)]
        for component in COMPONENTS:
            parts.append(f"--- {component}")
            parts.append(self.logs(INSTALLATION, selector=f"kubevirt.io={component}", container=component))
        return "\n".join(parts)

    def logs(self, namespace: str, *, selector: str, container: str) -> str:
        """The ends of the logs of one container of some pods."""
        arguments = ("--selector", selector, "--container", container, "--prefix", f"--tail={_LOG_LINES}")
        done = self.run("kubectl", "logs", "--namespace", namespace, *arguments, check=False)
        return done.stdout + done.stderr

    def playbook(self, name: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A playbook of the collection, run as an administrator does on the laptop."""
        return self.run("ansible-playbook", f"playvirt.core.{name}", *arguments, seconds=300, check=check)

    def nodes(self) -> dict[str, nodes.Node]:
        """Every node of the embedded cluster by name, seen from the machine that it runs on."""
        found = {}
        for directory in sorted((self.state / "nodes").iterdir()):
            process = json.loads((self.state / "run" / f"{directory.name}.json").read_text())
            found[directory.name] = nodes.Node(directory.name, process["pid"], directory)
        return found

    def import_image(self, archive: pathlib.Path) -> None:
        """Make an image known to every node."""
        for node in self.nodes().values():
            address = str(node.directory / "run/containerd/containerd.sock")
            self.run("ctr", "--address", address, "--namespace", "k8s.io", "images", "import", str(archive))


def condition(obj: Mapping[str, Any] | None, kind: str) -> Object:
    """The object's condition of that type; empty where it has none."""
    listed: Sequence[Object] = ((obj or {}).get("status") or {}).get("conditions") or []
    return next((entry for entry in listed if entry["type"] == kind), {})
