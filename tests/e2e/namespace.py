"""A namespace of one story: what is made in it, waiting for it, and the end of everything in it.

In: the cluster. Out: objects; on a time-out, a message with what a person would look at. Made by the fixtures of conftest.py.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import guest as guests
from ansible_collections.playvirt.core.tests.e2e import waiting

Object = clusters.Object

START_SECONDS = 240
BOOT_SECONDS = 300
END_SECONDS = 240
#: a static busybox has a resolver of its own in nslookup alone
_FETCH = """
address=$(nslookup "$1" | awk '/^Name/ {found = 1} found && /^Address/ {print $2; exit}')
printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 "$address" 80
"""
_MACHINES = ("VirtualMachine", "VirtualMachineInstance")


class Namespace:
    """A namespace with a name of its own."""

    def __init__(self, cluster: clusters.Cluster, story: str) -> None:
        """Create it, ready for pods; its name begins with the story's."""
        self.cluster = cluster
        start = re.sub(r"[^a-z0-9]+", "-", story.lower()).strip("-")[:40]
        self.name = f"e2e-{start}-{uuid.uuid4().hex[:5]}"
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})
        # No pod can be made before its account, which a controller makes.
        cluster.wait_for("service account", 60, lambda: cluster.find("ServiceAccount", "default", self.name))

    def create(self, obj: Mapping[str, Any]) -> Object:
        """The object as created in this namespace."""
        return self.cluster.create({**obj, "metadata": {**obj["metadata"], "namespace": self.name}})

    def apply(self, obj: Mapping[str, Any]) -> None:
        """`kubectl apply`."""
        self.kubectl("apply", "-f", "-", stdin=json.dumps(obj))

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        seconds: float = clusters.COMMAND_SECONDS,
        check: bool = True,
    ) -> str:
        """What kubectl prints, asked in this namespace."""
        return self.cluster.kubectl("--namespace", self.name, *arguments, stdin=stdin, seconds=seconds, check=check)

    def find(self, kind: str, name: str) -> Object | None:
        """An object of this namespace, or None."""
        return self.cluster.find(kind, name, self.name)

    def find_all(self, kind: str) -> list[Object]:
        """The objects of a kind in this namespace."""
        return self.cluster.find_all(kind, self.name)

    def instance(self, name: str) -> Object | None:
        """A VirtualMachineInstance."""
        return self.find("VirtualMachineInstance", name)

    def phase(self, name: str) -> str:
        """The phase of a VirtualMachineInstance; empty where it has none or is not there."""
        return str(((self.instance(name) or {}).get("status") or {}).get("phase", ""))

    def launcher(self, name: str) -> Object | None:
        """The launcher pod of the VirtualMachineInstance as it is now."""
        uid = ((self.instance(name) or {}).get("metadata") or {}).get("uid")
        owned = [
            pod
            for pod in self.find_all("Pod")
            if uid in [owner["uid"] for owner in pod["metadata"].get("ownerReferences", [])]
        ]
        return owned[0] if owned else None

    def set_run_strategy(self, name: str, run_strategy: str) -> None:
        """What a user patches to start and stop a VirtualMachine."""
        patch = json.dumps({"spec": {"runStrategy": run_strategy}})
        self.kubectl("patch", "virtualmachine", name, "--type=merge", "--patch", patch)

    def change_template(self, name: str, field: str, value: Any) -> str:
        """Replace a field of a VirtualMachine's template (`/spec/...`) and delete its instance, as one does with one that cannot start; the uid of that."""
        uid: str = self.cluster.get("VirtualMachineInstance", name, self.name)["metadata"]["uid"]
        patch = json.dumps([{"op": "replace", "path": f"/spec/template{field}", "value": value}])
        self.kubectl("patch", "virtualmachine", name, "--type=json", "--patch", patch)
        self.kubectl("delete", "virtualmachineinstance", name, "--wait=false")
        return uid

    def wait_for(self, what: str, seconds: float, look: Callable[[], Any]) -> Any:
        """What `look` returns once it is true."""
        return waiting.wait_for(what, seconds, look, explain=self.explain)

    def wait_running(self, name: str, *, seconds: float = START_SECONDS, other_than: str = "") -> Object:
        """The VirtualMachineInstance once it is Running; with `other_than`, one of another uid."""

        def look() -> Object | None:
            found = self.instance(name)
            if found is None or found["metadata"]["uid"] == other_than or found["metadata"].get("deletionTimestamp"):
                return None
            return found if (found.get("status") or {}).get("phase") == "Running" else None

        found: Object = self.wait_for(f"{name} is Running{' again' if other_than else ''}", seconds, look)
        return found

    def wait_gone(self, kind: str, name: str, *, seconds: float = END_SECONDS) -> None:
        """Wait until there is no such object."""
        self.wait_for(f"{kind} {name} is gone", seconds, lambda: self.find(kind, name) is None)

    def console_log(self, name: str) -> str:
        """What the guest has printed so far, as `kubectl logs` shows it."""
        pod = self.launcher(name)
        if pod is None:
            return ""
        return self.kubectl("logs", pod["metadata"]["name"], "--container=guest-console-log", check=False)

    def console(self, name: str) -> guests.Guest:
        """The serial console of the guest, which may still be starting."""
        pod = self.launcher(name)
        assert pod is not None, f"{name} has no launcher pod\n{self.explain()}"
        return guests.Guest(self.cluster, self.name, pod["metadata"]["name"])

    def fetch(self, pod: str, service: str) -> str:
        """The web page behind a Service of this namespace, asked for by its name in a pod with a shell; empty where there is no answer."""
        found = self.kubectl(
            "exec", pod, "--", "sh", "-c", _FETCH, "fetch", f"{service}.{self.name}.svc.cluster.local", check=False
        )
        return found.partition("\n\n")[2].strip()

    def explain(self) -> str:
        """The objects with their conditions, the Events, the console, and the logs."""
        parts = [f"--- namespace {self.name}", self.kubectl("get", "vm,vmi,pods", "-o", "wide", check=False)]
        for kind in _MACHINES:
            for found in self.find_all(kind):
                shown = {"deletionTimestamp": found["metadata"].get("deletionTimestamp"), "status": found.get("status")}
                parts.append(f"--- {kind} {found['metadata']['name']}: {json.dumps(shown, indent=1)}")
        parts.append(self.kubectl("get", "events", "--sort-by=.lastTimestamp", check=False))
        parts.append("--- launchers")
        parts.append(self.cluster.logs(self.name, selector="kubevirt.io=virt-launcher", container="compute"))
        parts.append(self.cluster.explain())
        return "\n".join(parts)

    def close(self) -> None:
        """Delete everything; fails where something stays, and then lets it go by force so that it is in nobody's way."""
        for kind in (*_MACHINES, "Pod"):
            for found in self.find_all(kind):
                self.cluster.delete(found)
        try:
            self.wait_for(
                "nothing is stuck in deletion", END_SECONDS, lambda: not any(map(self.find_all, (*_MACHINES, "Pod")))
            )
        except AssertionError:
            for kind in _MACHINES:
                for found in self.find_all(kind):
                    self.cluster.patch(found, {"metadata": {"finalizers": None}})
            raise
        finally:
            self.cluster.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})
