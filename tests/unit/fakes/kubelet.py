"""A kubelet as device plugins see it: takes registrations on kubelet.sock and then talks to the plugin that registered.

Stateful: it keeps what it was told, and its restart removes every socket of the directory as the real one does.
"""

from __future__ import annotations

import asyncio
import pathlib
from typing import Any

import grpc
import grpc.aio
from ansible_collections.playvirt.core.images.virt_handler import device_plugin_api_pb2 as api


class Kubelet:
    """Serves v1beta1.Registration in `directory`."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.registrations: asyncio.Queue[api.RegisterRequest] = asyncio.Queue()
        self.refuse = ""
        self._server: Any = None

    async def start(self) -> None:
        for path in self.directory.iterdir():
            path.unlink()
        self._server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(
            self._register, api.RegisterRequest.FromString, api.Empty.SerializeToString
        )
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("v1beta1.Registration", {"Register": handler}),)
        )
        self._server.add_insecure_port(f"unix:{self.directory}/kubelet.sock")
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(grace=None)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def _register(self, request: api.RegisterRequest, context: Any) -> api.Empty:
        if self.refuse:
            reason, self.refuse = self.refuse, ""
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, reason)
        await self.registrations.put(request)
        return api.Empty()

    def channel(self, endpoint: str) -> grpc.aio.Channel:
        """A connection to a registered plugin."""
        return grpc.aio.insecure_channel(f"unix:{self.directory}/{endpoint}")

    async def allocate(self, endpoint: str, units: list[str]) -> list[api.ContainerAllocateResponse]:
        """Ask for units for one container."""
        async with self.channel(endpoint) as channel:
            call = channel.unary_unary(
                "/v1beta1.DevicePlugin/Allocate",
                request_serializer=api.AllocateRequest.SerializeToString,
                response_deserializer=api.AllocateResponse.FromString,
            )
            request = api.AllocateRequest(container_requests=[api.ContainerAllocateRequest(devicesIDs=units)])
            return list((await call(request)).container_responses)

    def list_and_watch(self, channel: grpc.aio.Channel) -> Any:
        """The stream of device lists of a plugin."""
        call = channel.unary_stream(
            "/v1beta1.DevicePlugin/ListAndWatch",
            request_serializer=api.Empty.SerializeToString,
            response_deserializer=api.ListAndWatchResponse.FromString,
        )
        return call(api.Empty())
