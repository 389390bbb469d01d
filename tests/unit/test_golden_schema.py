"""The golden domains by the schema of this machine's libvirt; what is newer is judged by the launcher image's (tests/integration/test_golden_domains.py)."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import libvirt
import pytest

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
DOMAINS = sorted(GOLDEN.glob("*/domain*.xml"))
#: case -> the version of libvirt whose schema first knows what is in it
NEWER = {
    "disks": 11_003_000,  # discard_granularity
    "features-hyperv": 11_003_000,  # parts of tlbflush
    "io-threads-pool": 11_003_000,  # several threads for a disk
    "network-passt": 11_003_000,  # the backend
    "network-passt-all-ports": 11_003_000,  # the backend
    "watchdog-rng-panic": 11_003_000,  # pvpanic
}


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    """libvirt's test driver: it runs in this process, reads domains as every driver does, and starts nothing."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    opened = libvirt.open("test:///default")
    yield opened
    opened.close()


def _id(path: pathlib.Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", DOMAINS, ids=_id)
def test_the_schema_knows_the_domain(path: pathlib.Path, connection: Any) -> None:
    needed = NEWER.get(path.parent.name, 0)
    if libvirt.getVersion() < needed:
        pytest.skip(f"libvirt's schema is older than {needed}")
    connection.defineXMLFlags(path.read_text(), libvirt.VIR_DOMAIN_DEFINE_VALIDATE).undefine()


def test_what_the_schema_does_not_know_is_noticed(connection: Any) -> None:
    wrong = (GOLDEN / "defaults" / "domain.xml").read_text().replace("<acpi />", "<acpj />")
    with pytest.raises(libvirt.libvirtError, match="failed to validate against schema"):
        connection.defineXMLFlags(wrong, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
