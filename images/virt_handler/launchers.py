"""The launcher server: where the launchers of this node connect, and through which plays reach them.

In: connections on the socket in the node directory; requests of plays through the runner's gateway (GET /launchers/POD_UID, POST
/launchers/POD_UID/COMMAND). Out: VMIs enqueued when their launcher or its domain changes; renewals, without which launchers stop their guests.
Who connects is taken from the kernel alone (launcher_socket.identify_peer). Started by: the runner, as a service.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.images.virt_handler import (
    contact,
    guest_metrics,
    launcher_connection,
    launcher_messages,
    registry,
    settings,
)
from ansible_collections.playvirt.core.images.virt_handler import context as handler_context
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process, launcher_socket

LOG = logging.getLogger("virt-handler.launchers")

KIND = "VirtualMachineInstance"
PREFIX = "/launchers"
_FAREWELL_SECONDS = 2.0

Identify = Callable[[socket.socket], launcher_process.Identity]


class LauncherServer:
    """Holds the connections of this node's launchers."""

    def __init__(
        self,
        context: handler_context.Context,
        config: settings.Settings,
        *,
        identify: Identify = launcher_socket.identify_peer,
    ) -> None:
        """Prepare; `run` opens the socket."""
        self.launchers: registry.Registry[launcher_connection.LauncherConnection] = registry.Registry()
        self.contact = contact.Contact(config.fence_seconds)
        self._context = context
        self._config = config
        self._identify = identify

    async def run(self) -> None:
        """Serve until cancelled; then renew everybody once more, so that guests outlive a restart of virt-handler."""
        path = self._config.launcher_socket
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        server = await asyncio.start_unix_server(self._connected, path, limit=launcher_messages.MAX_LINE)
        os.chmod(path, 0o666)
        try:
            while True:
                delay = await self.contact.refresh(self._context.client, self._context.node_name)
                self._renew_all()
                await asyncio.sleep(delay)
        finally:
            self._renew_all()
            server.close()
            for connection in self.launchers.all():
                connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await server.wait_closed()

    def _renew_all(self) -> None:
        for connection in self.launchers.all():
            self._renew(connection)

    def _renew(self, connection: launcher_connection.LauncherConnection) -> None:
        seconds = self.contact.grant_seconds
        if seconds > 0:
            with contextlib.suppress(errors.TransientError):
                connection.renew(seconds)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            identity = self._identify(writer.get_extra_info("socket"))
        except errors.PlayvirtError as error:
            LOG.warning("refused a connection: %s", error)
            writer.close()
            return
        connection = launcher_connection.LauncherConnection(identity, reader, writer, on_change=self._changed)
        self.launchers.add(connection)
        self._renew(connection)
        await connection.run()
        if self.launchers.remove(connection) and connection.domain is not None:
            self._enqueue(connection, "launcher disconnected")

    def _changed(self, connection: launcher_connection.LauncherConnection) -> None:
        state = connection.domain.state if connection.domain else "unknown"
        self._enqueue(connection, f"domain {state}")

    def _enqueue(self, connection: launcher_connection.LauncherConnection, reason: str) -> None:
        """Enqueue the VMI that owns the launcher's pod.

        A pod that is not in the cache yet enqueues its VMI itself when it comes.
        """
        if owner := self._owner(connection):
            self._context.enqueue(KIND, *owner, reason)

    def _owner(self, connection: launcher_connection.LauncherConnection) -> tuple[str, str] | None:
        """The namespace and name of the VMI that owns the launcher's pod; None while that is not known.

        What the launcher says only tells where to look for the pod, which then has to have the uid that the kernel told.
        """
        hello = connection.hello
        if hello is None:
            return None
        pods = self._context.reader.list("v1", "Pod", namespace=hello.namespace, owner_uid=hello.uid)
        for pod in pods:
            if pod["metadata"]["uid"] != connection.identity.pod_uid:
                continue
            for owner in pod["metadata"].get("ownerReferences", []):
                if owner["uid"] == hello.uid and owner["kind"] == KIND:
                    return hello.namespace, owner["name"]
        return None

    def guests(self) -> list[guest_metrics.Asked]:
        """The guests that are on, with their launchers."""
        alive = [
            connection
            for connection in self.launchers.all()
            if connection.domain is not None and guest_metrics.is_alive(connection.domain.state)
        ]
        return [(*owner, connection) for connection in alive if (owner := self._owner(connection))]

    def phases(self) -> list[str]:
        """The phases of this node's instances."""
        instances = self._context.reader.list(kinds.KUBEVIRT, KIND)
        return [str((instance.get("status") or {}).get("phase") or "Pending") for instance in instances]

    async def get_launcher(self, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer GET /launchers/POD_UID."""
        pod_uid = str(request["path"]).removeprefix(PREFIX).strip("/")
        observed = self.launchers.observe(pod_uid)
        return (200, observed) if observed is not None else (404, {"message": _nobody(pod_uid)})

    async def command_launcher(self, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer POST /launchers/POD_UID/COMMAND with the launcher's result; the body has the arguments."""
        pod_uid, _, command = str(request["path"]).removeprefix(PREFIX).strip("/").partition("/")
        arguments = request.get("body") or {}
        if command not in launcher_connection.COMMAND_SECONDS:
            known = ", ".join(sorted(launcher_connection.COMMAND_SECONDS))
            return 400, {"message": f"a launcher has no command '{command}'; it has {known}"}
        if not isinstance(arguments, dict):
            return 400, {"message": f"the arguments of {command} have to be an object"}
        connection = self.launchers.find(pod_uid)
        if connection is None:
            return 404, {"message": _nobody(pod_uid)}
        try:
            return 200, await connection.request(command, arguments)
        except errors.TransientError as error:
            return 503, {"message": str(error)}
        except errors.PermanentError as error:
            return 422, {"message": str(error)}


def _nobody(pod_uid: str) -> str:
    return f"no launcher of pod {pod_uid} is connected to this node's virt-handler"


async def serve(context: handler_context.Context) -> None:
    """Serve this node's launchers until cancelled."""
    server = LauncherServer(context, settings.from_environment())
    context.reader.register_launchers(server.launchers.observe)
    context.routes.add_route("GET", PREFIX, server.get_launcher)
    context.routes.add_route("POST", PREFIX, server.command_launcher)
    context.add_check("api-contact", server.contact.problem)
    metrics = guest_metrics.GuestMetrics(context.node_name, guests=server.guests, phases=server.phases)
    context.add_collector(metrics, metrics.refresh)
    await server.run()
