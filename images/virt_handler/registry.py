"""The launchers that are connected to this node's virt-handler, by the uid of their pod.

In: connections as they come, report and go. Out: what planners see of a launcher, and the connection that carries a command. Pod uids come from the
kernel, names of VMIs only from what launchers say: so everything is found by pod uid, and nothing is decided by such a name.
Called by: launchers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import guest_information, launcher_process


@dataclass(frozen=True)
class Hello:
    """Whose launcher it says it is."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True)
class Domain:
    """The domain's state as the launcher reported it last."""

    state: str
    reason: str


class Connection(Protocol):
    """One connected launcher."""

    identity: launcher_process.Identity
    hello: Hello | None
    domain: Domain | None
    agent: guest_information.Information | None

    def close(self) -> None:
        """End the connection."""
        ...


class Registry[C: Connection]:
    """At most one connection per pod: the newest."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_pod_uid: dict[str, C] = {}

    def add(self, connection: C) -> None:
        """Take a new connection; one that the pod had before is closed."""
        former = self._by_pod_uid.get(connection.identity.pod_uid)
        self._by_pod_uid[connection.identity.pod_uid] = connection
        if former is not None:
            former.close()

    def remove(self, connection: C) -> bool:
        """Forget a connection; returns False when the pod has a newer one."""
        if self._by_pod_uid.get(connection.identity.pod_uid) is not connection:
            return False
        del self._by_pod_uid[connection.identity.pod_uid]
        return True

    def find(self, pod_uid: str) -> C | None:
        """Return the pod's connection once its launcher has said hello and reported its domain."""
        connection = self._by_pod_uid.get(pod_uid)
        return connection if connection is not None and connection.hello and connection.domain else None

    def all(self) -> list[C]:
        """Return every connection."""
        return list(self._by_pod_uid.values())

    def observe(self, pod_uid: str) -> dict[str, Any] | None:
        """Return what planners see, None without a launcher.

        That is `{"pid", "namespace", "name", "uid", "domain": {"state", "reason"}}`, and once the guest's agent was asked `"agent": {"connected", "os",
        "hostname", "interfaces"}` (guest_information.py).
        """
        connection = self.find(pod_uid)
        if connection is None or connection.hello is None or connection.domain is None:
            return None
        hello, domain = connection.hello, connection.domain
        return {
            "pid": connection.identity.pid,
            "namespace": hello.namespace,
            "name": hello.name,
            "uid": hello.uid,
            "domain": {"state": domain.state, "reason": domain.reason},
            **({"agent": connection.agent.to_message()} if connection.agent is not None else {}),
        }
