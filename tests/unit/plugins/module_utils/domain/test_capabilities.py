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

EXPANDED = """<cpu mode='custom' match='exact'>
  <model fallback='forbid'>EPYC</model>
  <feature policy='require' name='aes'/>
  <feature policy='require' name='x2apic'/>
  <feature policy='disable' name='xsaves'/>
</cpu>
"""


def test_node_labels_name_what_is_usable() -> None:
    assert capabilities.node_labels(XML) == LABELS


def test_node_labels_name_features_that_are_there() -> None:
    features = {"cpu-feature.node.kubevirt.io/aes": "true", "cpu-feature.node.kubevirt.io/x2apic": "true"}
    assert capabilities.node_labels(XML, EXPANDED) == {**LABELS, **features}
    assert capabilities.label_changes(features, LABELS) == {**dict.fromkeys(features), **LABELS}


def test_the_host_model_is_a_cpu_that_libvirt_takes() -> None:
    assert capabilities.host_model(XML) == (
        '<cpu mode="custom" match="exact"><model fallback="forbid">EPYC</model>\n      <vendor>AMD</vendor>\n      '
        '<feature policy="require" name="x2apic" />\n    </cpu>'
    )


def test_a_host_may_have_no_model() -> None:
    assert capabilities.host_model(XML.replace("'host-model' supported='yes'", "'host-model' supported='no'")) is None
    assert capabilities.host_model("<domainCapabilities/>") is None


@pytest.mark.parametrize(("text", "words"), [("", "not XML"), ("<capabilities/>", "found <capabilities>")])
def test_node_labels_of_something_else(text: str, words: str) -> None:
    with pytest.raises(errors.InvalidObject, match=words):
        capabilities.node_labels(text)
    with pytest.raises(errors.InvalidObject, match=words):
        capabilities.host_model(text)


@pytest.mark.parametrize(("text", "words"), [("<", "not XML"), ("<model/>", "expected cpu, found <model>")])
def test_features_of_something_else(text: str, words: str) -> None:
    with pytest.raises(errors.InvalidObject, match=words):
        capabilities.node_labels(XML, text)


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
