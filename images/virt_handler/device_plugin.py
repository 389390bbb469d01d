"""The device plugin: offers this node's devices to the kubelet as extended resources devices.kubevirt.io/NAME.

In: the kubelet's directory for device plugins. Out: one gRPC server per resource on a unix socket there, announced to the kubelet, and announced again
whenever the kubelet has restarted (it removes all sockets and makes its own anew). Called by: node.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
from ansible_collections.playvirt.core.images.virt_handler import device_plugin_api_pb2 as api
from ansible_collections.playvirt.core.images.virt_handler import devices

LOG = logging.getLogger("virt-handler.device-plugin")

API_VERSION = "v1beta1"
SERVICE = "v1beta1.DevicePlugin"
REGISTER = "/v1beta1.Registration/Register"
POLL_SECONDS = 1.0
_CALL_TIMEOUT_SECONDS = 10.0


class Plugin:
    """One resource's server and its standing with the kubelet."""

    def __init__(
        self,
        device: devices.HostDevice,
        directory: str,
        *,
        on_change: Callable[[], None] = lambda: None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Prepare to offer `device` in the kubelet's device plugin directory; `on_change` is called when `offered` changes."""
        self.device = device
        #: whether the kubelet has the list of units: before that it refuses pods that ask for one
        self.offered = False
        self._on_change = on_change
        self._directory = directory
        self._endpoint = f"playvirt-{device.name}.sock"
        self._poll_seconds = poll_seconds
        self._stopping = asyncio.Event()

    @property
    def _socket(self) -> str:
        return os.path.join(self._directory, self._endpoint)

    @property
    def _kubelet_socket(self) -> str:
        return os.path.join(self._directory, "kubelet.sock")

    async def run(self) -> None:
        """Serve and stay registered until cancelled; the kubelet may come, go and restart as it likes."""
        while True:
            kubelet = _identity(self._kubelet_socket)
            if kubelet is not None:
                try:
                    await self._serve_while(lambda seen=kubelet: _identity(self._kubelet_socket) == seen)  # type: ignore[misc]
                except (grpc.aio.AioRpcError, OSError, RuntimeError) as error:
                    LOG.warning(
                        "%s: not registered with the kubelet, trying again: %s",
                        self.device.resource_name,
                        _words(error),
                    )
            await asyncio.sleep(self._poll_seconds)

    async def _serve_while(self, is_same_kubelet: Callable[[], bool]) -> None:
        """Serve and register once, and return when the kubelet or our own socket has changed."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._socket)
        self._stopping = asyncio.Event()
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((self._handlers(),))
        server.add_insecure_port(f"unix:{self._socket}")
        await server.start()
        try:
            own = _identity(self._socket)
            await self._register()
            LOG.info("%s: registered with the kubelet", self.device.resource_name)
            while is_same_kubelet() and _identity(self._socket) == own:
                await asyncio.sleep(self._poll_seconds)
            LOG.info("%s: the kubelet has restarted, or our socket is gone", self.device.resource_name)
        finally:
            self._set_offered(offered=False)
            self._stopping.set()
            await server.stop(grace=None)

    def _set_offered(self, *, offered: bool) -> None:
        if offered != self.offered:
            self.offered = offered
            self._on_change()

    async def _register(self) -> None:
        async with grpc.aio.insecure_channel(f"unix:{self._kubelet_socket}") as channel:
            register: Any = channel.unary_unary(
                REGISTER,
                request_serializer=api.RegisterRequest.SerializeToString,
                response_deserializer=api.Empty.FromString,
            )
            request = api.RegisterRequest(
                version=API_VERSION,
                endpoint=self._endpoint,
                resource_name=self.device.resource_name,
                options=api.DevicePluginOptions(),
            )
            await register(request, timeout=_CALL_TIMEOUT_SECONDS)

    def _handlers(self) -> Any:
        unary = grpc.unary_unary_rpc_method_handler
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "GetDevicePluginOptions": unary(
                    self._options, api.Empty.FromString, api.DevicePluginOptions.SerializeToString
                ),
                "ListAndWatch": grpc.unary_stream_rpc_method_handler(
                    self._list_and_watch, api.Empty.FromString, api.ListAndWatchResponse.SerializeToString
                ),
                "Allocate": unary(
                    self._allocate, api.AllocateRequest.FromString, api.AllocateResponse.SerializeToString
                ),
            },
        )

    async def _options(self, _request: api.Empty, _context: Any) -> api.DevicePluginOptions:
        return api.DevicePluginOptions()

    async def _list_and_watch(self, _request: api.Empty, _context: Any) -> AsyncIterator[api.ListAndWatchResponse]:
        """Name all units once and keep the stream open: the kubelet takes its end for the end of the devices."""
        units = (f"{self.device.name}{number}" for number in range(devices.UNITS))
        yield api.ListAndWatchResponse(devices=[api.Device(ID=unit, health="Healthy") for unit in units])
        self._set_offered(offered=True)
        try:
            await self._stopping.wait()
        finally:
            self._set_offered(offered=False)

    async def _allocate(self, request: api.AllocateRequest, _context: Any) -> api.AllocateResponse:
        return api.AllocateResponse(container_responses=[self.device.allocation() for _ in request.container_requests])


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells one socket file from its successor at the same path, None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns


def _words(error: Exception) -> str:
    return str(error.details()) if isinstance(error, grpc.aio.AioRpcError) else str(error)
