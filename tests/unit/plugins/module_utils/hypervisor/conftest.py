"""A connection to libvirt's test driver: domains in memory, with libvirt's own rules."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import connection

_numbers = itertools.count()


@pytest.fixture
def conn() -> Iterator[connection.Connection]:
    """A connection with libvirt's event loop behind it."""
    connection.start_event_loop()
    with connection.opened("test:///default") as opened:
        yield opened


@pytest.fixture
def domain_name() -> str:
    """A name that no test had before: all connections share the driver's domains."""
    return f"default_vm{next(_numbers)}"


@pytest.fixture
def domain_xml(domain_name: str) -> str:
    """The smallest domain that the driver takes."""
    return f"""\
<domain type='test'>
  <name>{domain_name}</name>
  <uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, domain_name)}</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type>hvm</type></os>
</domain>"""
