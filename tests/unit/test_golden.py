"""VMI in, launcher pod, domain XML and files out: each folder of tests/golden is one case.

`kubevirt.yaml` in a folder is the installation's KubeVirt. domain.xml is for emulated guests, domain-kvm.xml for KVM; a VMI that admission refuses where guests
are emulated has the causes in refused.txt in place of domain.xml, and its pod is that for KVM. Every VMI is accepted where KVM is used.

`pytest tests/unit/test_golden.py --update-golden` rewrites the expectations; read the diff before you commit it.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib

import pytest
import yaml
from ansible_collections.playvirt.core.plugins.module_utils.admission import judge, mutate, request, settings
from ansible_collections.playvirt.core.plugins.module_utils.api import kubevirt as kubevirt_types
from ansible_collections.playvirt.core.plugins.module_utils.domain import convert, interfaces, iso_images, volumes
from ansible_collections.playvirt.core.plugins.module_utils.pod import launcher

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
OUTPUTS = ("pod.yaml", "domain.xml", "domain-kvm.xml", "files.json", "refused.txt")


def _installation(*, emulation: bool) -> launcher.Installation:
    return launcher.Installation(launcher_image="playvirt.io/virt-launcher:test", emulation=emulation)


def _refusals(vmi: dict, kubevirt: dict, *, emulation: bool) -> list[str]:
    """What admission says to the VMI once defaults are in it."""
    asked = request.Request(
        obj=vmi, settings=dataclasses.replace(settings.of_kubevirt(kubevirt), use_emulation=emulation)
    )
    stored = mutate.mutate("VirtualMachineInstance", asked, lambda: "9a0d0a9e-6a57-4d0b-9d7c-8d9a5d1b0001").obj
    causes = judge.judge("VirtualMachineInstance", dataclasses.replace(asked, obj=stored)).causes
    return [cause.message for cause in causes]


def _domains(vmi: dict, kubevirt: dict) -> dict[str, str]:
    maker = kubevirt_types.maker(kubevirt)
    assert _refusals(vmi, kubevirt, emulation=False) == []
    refused = _refusals(vmi, kubevirt, emulation=True)
    emulated = (
        {"refused.txt": "".join(f"{message}\n" for message in refused)}
        if refused
        else {"domain.xml": convert.convert_domain(vmi, emulation=True, maker=maker)}
    )
    return {**emulated, "domain-kvm.xml": convert.convert_domain(vmi, emulation=False, maker=maker)}


def _rendered(vmi: dict, kubevirt: dict) -> dict[str, str]:
    files = {
        "disks": volumes.disks_to_make(vmi),
        "cloud_init": iso_images.cloud_init(vmi),
        "iso_images": iso_images.contents(vmi),
        "network": interfaces.masquerade(vmi),
    }
    domains = _domains(vmi, kubevirt)
    installation = _installation(emulation="domain.xml" in domains)
    return {
        **domains,
        "pod.yaml": yaml.safe_dump(launcher.render_launcher_pod(vmi, installation), sort_keys=False),
        "files.json": json.dumps(files, indent=2) + "\n",
    }


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, request: pytest.FixtureRequest) -> None:
    folder = GOLDEN / case
    kubevirt = folder / "kubevirt.yaml"
    rendered = _rendered(
        yaml.safe_load((folder / "vmi.yaml").read_text()),
        yaml.safe_load(kubevirt.read_text()) if kubevirt.exists() else {},
    )
    if request.config.getoption("--update-golden"):
        for name, content in rendered.items():
            (folder / name).write_text(content)
        for name in set(OUTPUTS) - set(rendered):
            (folder / name).unlink(missing_ok=True)
    for name, content in rendered.items():
        assert content == (folder / name).read_text(), f"{case}/{name} differs"
    assert {path.name for path in folder.iterdir()} - {"vmi.yaml", "kubevirt.yaml"} == set(rendered)


def test_there_are_cases() -> None:
    assert len(CASES) >= 30
