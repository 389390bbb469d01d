"""What a domain has used, in one question to libvirt.

In: a connection, a domain's name. Out: libvirt's own flat parameters (`cpu.time`, `block.0.rd.bytes`, ...), numbers and short texts alone. Called by
virt-launcher. Raises errors.HypervisorError.
"""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import bindings, connection

#: a guest with more disks and interfaces than these parameters tell of gets no more
MAX_PARAMETERS = 4000
_MAX_TEXT = 100


def read(conn: connection.Connection, name: str) -> dict[str, int | str]:
    """The statistics as they are; libvirt leaves out what QEMU cannot be asked for at the moment, and never waits for it."""
    libvirt = bindings.library()
    wanted = (
        libvirt.VIR_DOMAIN_STATS_STATE
        | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
        | libvirt.VIR_DOMAIN_STATS_VCPU
        | libvirt.VIR_DOMAIN_STATS_BALLOON
        | libvirt.VIR_DOMAIN_STATS_INTERFACE
        | libvirt.VIR_DOMAIN_STATS_BLOCK
    )
    with bindings.translated(f"statistics of domain {name}"):
        found = conn.lookupByName(name)
        answers = conn.domainListGetStats([found], wanted, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT)
    if not answers:
        raise errors.HypervisorError(f"statistics of domain {name}: libvirt has none")
    told = list(answers[0][1].items())[:MAX_PARAMETERS]
    return {key: value if isinstance(value, int) else str(value)[:_MAX_TEXT] for key, value in told}
