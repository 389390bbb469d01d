"""Router advertisements for the one guest behind a bridge of the pod: an answer to each question for routers, and one now and then.

In: the tap device that virt-handler has made beside the guest's for this purpose, and the lease. Out: frames. Called by address_service.py. A socket for
ICMPv6 would need a capability; a tap device that the launcher's user may open needs none, and reaches no further than this bridge.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import struct

from ansible_collections.playvirt.core.images.virt_launcher import dhcpv6_message, router_advertisement
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

#: the RFC's default for the longest time between two advertisements that nobody asked for
PERIOD_SECONDS = 600.0
_TUN = "/dev/net/tun"
_TUNSETIFF, _TAP_WITHOUT_HEADER = 0x400454CA, 0x1002
#: any; only the guest's own frames and the router's are looked at by their sender
_SENDER = "02:00:00:00:00:01"
_LONGEST_FRAME = 65536

logger = logging.getLogger(__name__)


class RouterAdvertiser:
    """Advertises from `start` to `close`."""

    def __init__(self, tap: str, lease: dhcpv6_message.Lease) -> None:
        """Nothing is sent before `start`."""
        self._tap = tap
        self._frame = router_advertisement.format_frame(lease, _SENDER)
        self._descriptor = -1
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_serving(self) -> bool:
        """Whether the device is open."""
        return self._descriptor >= 0

    async def start(self) -> None:
        """Open the tap device. Raises errors.PlayvirtError."""
        try:
            self._descriptor = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            request = struct.pack("16sH14x", self._tap.encode(), _TAP_WITHOUT_HEADER)
            fcntl.ioctl(self._descriptor, _TUNSETIFF, request)
        except OSError as error:
            self.close()
            raise errors.PlayvirtError(
                f"serve_dhcp: device {self._tap} cannot be opened through {_TUN}: {error.strerror}"
            ) from error
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        self._advertise()

    def close(self) -> None:
        """Advertise no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> None:
        """Look at what passes the bridge, and answer who asks for routers."""
        try:
            frame = os.read(self._descriptor, _LONGEST_FRAME)
        except BlockingIOError:
            return
        except OSError as error:
            logger.error("router advertisements on %s ended: %s", self._tap, error.strerror)
            self.close()
            return
        if router_advertisement.is_solicitation(frame):
            self._advertise()

    def _advertise(self) -> None:
        """Send one, and the next one in a while."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(PERIOD_SECONDS, self._advertise)
        try:
            os.write(self._descriptor, self._frame)
        except OSError as error:
            logger.warning("router advertisement on %s: %s", self._tap, error.strerror)
