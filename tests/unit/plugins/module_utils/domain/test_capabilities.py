"""Labels of a Node from domain capabilities, shortened from what libvirt 11.3 printed under TCG."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.domain import capabilities

XML = """<domainCapabilities>
  <domain>qemu</domain>
  <cpu>
    <mode name='host-passthrough' supported='no'/>
    <mode name='host-model' supported='yes'>
      <model fallback='forbid'>EPYC</model>
      <vendor>AMD</vendor>
      <feature policy='require' name='x2apic'/>
    </mode>
    <mode name='custom' supported='yes'>
      <model usable='yes' vendor='Intel' canonical='Nehalem-v1'>Nehalem</model>
      <model usable='no' vendor='Intel'>Broadwell</model>
      <blockers model='Broadwell'><feature name='hle'/></blockers>
      <model usable='unknown' vendor='AMD'>EPYC-Rome</model>
    </mode>
  </cpu>
</domainCapabilities>
"""
LABELS = {
    "cpu-model.node.kubevirt.io/Nehalem": "true",
    "host-model-cpu.node.kubevirt.io/EPYC": "true",
    "cpu-vendor.node.kubevirt.io/AMD": "true",
}


def test_node_labels_name_what_is_usable() -> None:
    assert capabilities.node_labels(XML) == LABELS


@pytest.mark.parametrize(("text", "words"), [("", "not XML"), ("<capabilities/>", "found <capabilities>")])
def test_node_labels_of_something_else(text: str, words: str) -> None:
    with pytest.raises(errors.InvalidObject, match=words):
        capabilities.node_labels(text)


def test_label_changes_remove_ours_and_leave_others() -> None:
    present = {
        "cpu-model.node.kubevirt.io/Nehalem": "true",
        "cpu-model.node.kubevirt.io/Penryn": "true",
        "kubernetes.io/arch": "amd64",
    }
    assert capabilities.label_changes(present, LABELS) == {
        "cpu-model.node.kubevirt.io/Penryn": None,
        "host-model-cpu.node.kubevirt.io/EPYC": "true",
        "cpu-vendor.node.kubevirt.io/AMD": "true",
    }
    assert capabilities.label_changes(LABELS, LABELS) == {}
