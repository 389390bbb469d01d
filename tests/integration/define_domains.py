"""A libvirtd that is given the golden domains; it runs in the launcher's image (launcher_root.py), with what is in there.

    define_domains.py FILE...   prints {FILE: what became of it} as JSON: "defined", "ran", or libvirt's message

A domain is checked against the schema and defined; then one that needs nothing from outside is started, with empty disks and without its network,
and turned off again.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any
from xml.etree import ElementTree

import libvirt
from ansible_collections.playvirt.core.images.virt_launcher import libvirtd
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import domain as hypervisor

DIRECTORY = "/var/run/libvirt"
RUN_SECONDS = 0.3


def _is_startable(root: ElementTree.Element) -> bool:
    """Whether the domain is emulated and has neither devices, a kernel nor memory from outside."""
    outside = ("os/kernel", "memoryBacking", "devices/disk/source[@dev]", "devices/hostdev", "devices/filesystem")
    return root.get("type") == "qemu" and not any(root.find(path) is not None for path in outside)


def _stand_alone(root: ElementTree.Element) -> str:
    """The domain without its network, after its disks and the directories of its sockets were made."""
    devices = root.find("devices")
    assert devices is not None
    for interface in devices.findall("interface"):
        devices.remove(interface)
    for disk in devices.findall("disk"):
        driver, source = disk.find("driver"), disk.find("source")
        if driver is None or source is None or pathlib.Path(source.get("file", "")).exists():
            continue
        path = pathlib.Path(source.get("file", ""))
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["qemu-img", "create", "-q", "-f", driver.get("type", ""), str(path), "16M"], check=True)
    for element in devices.iter():
        for path in (element.get("socket"), element.get("path") if element.get("mode") == "bind" else None):
            if path:
                pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    return ElementTree.tostring(root, encoding="unicode")


def _run(connection: Any, xml: str) -> str:
    domain = connection.defineXML(xml)
    try:
        domain.create()
        time.sleep(RUN_SECONDS)
        state, reason = domain.state()
        domain.destroy()
    finally:
        hypervisor.undefine(connection, domain.name())
    return "ran" if state == libvirt.VIR_DOMAIN_RUNNING else f"state {state}, reason {reason}"


def _judge(connection: Any, xml: str) -> str:
    """What libvirt makes of a domain."""
    try:
        defined = connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        hypervisor.undefine(connection, defined.name())
        root = ElementTree.fromstring(xml)
        return _run(connection, _stand_alone(root)) if _is_startable(root) else "defined"
    except (libvirt.libvirtError, errors.HypervisorError) as error:
        return str(error)


def main() -> None:
    """Start libvirtd, give it each domain, print what became of them."""
    env = libvirtd.prepare(DIRECTORY)
    pid = libvirtd.spawn(libvirtd.listen(DIRECTORY), env)
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    connection = libvirt.open(libvirtd.uri(DIRECTORY))
    print(json.dumps({path: _judge(connection, pathlib.Path(path).read_text()) for path in sys.argv[1:]}))
    os.kill(pid, 15)


if __name__ == "__main__":
    main()
