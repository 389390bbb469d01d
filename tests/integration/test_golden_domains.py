"""The golden domains in front of the libvirt and QEMU that they are meant for: those of the launcher image. Needs root, and the image (`make images`).

Domains for KVM are checked against the schema, and no further where there is no KVM: a libvirt without it refuses their type, which it looks at afterwards.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from ansible_collections.playvirt.core.tests.integration import launcher_root

pytestmark = [pytest.mark.integration, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

TESTS = pathlib.Path(__file__).parents[1]
GOLDEN = TESTS / "golden"
EMULATED = sorted(path.parent.name for path in GOLDEN.glob("*/domain.xml"))
KVM = sorted(path.parent.name for path in GOLDEN.glob("*/domain-kvm.xml"))
WRONG = "wrong.xml"
NO_KVM = "does not support virt type 'kvm'"
#: what has to come from outside keeps a domain from being started here
ONLY_DEFINED = {"claims", "firmware-kernel-boot", "memory-hugepages"}
SECONDS = 300


@pytest.fixture(scope="module")
def verdicts() -> Iterator[dict[str, str]]:
    """What became of each domain, by its path below tests/golden."""
    archive = launcher_root.find_archive()
    if archive is None:
        pytest.skip("there is no launcher image: run 'make images'")
    with tempfile.TemporaryDirectory(prefix="launcher-root-", dir="/var/tmp") as directory:
        root, tests = pathlib.Path(directory, "root"), pathlib.Path(directory, "tests")
        root.mkdir()
        launcher_root.unpack(archive, root)
        shutil.copytree(GOLDEN, tests / "golden")
        shutil.copy(TESTS / "integration/define_domains.py", tests)
        domain = (GOLDEN / "defaults/domain-kvm.xml").read_text()
        (tests / "golden" / WRONG).write_text(domain.replace("<acpi />", "<acpj />"))
        for path in (pathlib.Path(directory), tests):
            path.chmod(0o755)
        files = [WRONG, *(f"{case}/domain.xml" for case in EMULATED), *(f"{case}/domain-kvm.xml" for case in KVM)]
        command = ["python3", "/tests/define_domains.py", *(f"/tests/golden/{file}" for file in files)]
        found = launcher_root.run(root, tests, command, seconds=SECONDS)
        yield {path.removeprefix("/tests/golden/"): verdict for path, verdict in found.items()}


@pytest.mark.parametrize("case", EMULATED)
def test_libvirt_takes_the_domain_and_qemu_runs_it(case: str, verdicts: dict[str, str]) -> None:
    assert verdicts[f"{case}/domain.xml"] == ("defined" if case in ONLY_DEFINED else "ran")


@pytest.mark.parametrize("case", KVM)
def test_the_schema_knows_the_domain_for_kvm(case: str, verdicts: dict[str, str]) -> None:
    verdict = verdicts[f"{case}/domain-kvm.xml"]
    assert verdict == "defined" or NO_KVM in verdict


def test_the_schema_is_asked_first(verdicts: dict[str, str]) -> None:
    assert "failed to validate against schema" in verdicts[WRONG]
