"""VMI in, launcher pod, domain XML and files out: each folder of tests/golden is one case.

`pytest tests/unit/test_golden.py --update-golden` rewrites the expectations; read the diff before you commit it.
"""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml
from ansible_collections.playvirt.core.plugins.module_utils.domain import convert, interfaces, iso_images, volumes
from ansible_collections.playvirt.core.plugins.module_utils.pod import launcher

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
INSTALLATION = launcher.Installation(launcher_image="playvirt.io/virt-launcher:test")


def _rendered(vmi: dict) -> dict[str, str]:
    files = {
        "disks": volumes.disks_to_make(vmi),
        "cloud_init": iso_images.cloud_init(vmi),
        "iso_images": iso_images.contents(vmi),
        "network": interfaces.pod_interfaces(vmi),
    }
    return {
        "pod.yaml": yaml.safe_dump(launcher.render_launcher_pod(vmi, INSTALLATION), sort_keys=False),
        "domain.xml": convert.convert_domain(vmi, emulation=True),
        "domain-kvm.xml": convert.convert_domain(vmi, emulation=False),
        "files.json": json.dumps(files, indent=2) + "\n",
    }


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, request: pytest.FixtureRequest) -> None:
    folder = GOLDEN / case
    rendered = _rendered(yaml.safe_load((folder / "vmi.yaml").read_text()))
    if request.config.getoption("--update-golden"):
        for name, content in rendered.items():
            (folder / name).write_text(content)
    for name, content in rendered.items():
        assert content == (folder / name).read_text(), f"{case}/{name} differs"


def test_there_are_cases() -> None:
    assert len(CASES) >= 2
