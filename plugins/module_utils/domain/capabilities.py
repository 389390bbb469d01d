"""What a node's hypervisor can do, as labels of the Node: libvirt's domain capabilities read for what a scheduler needs.

In: the XML of `virsh domcapabilities`. Out: labels with KubeVirt's prefixes. Called by: virt-handler, with the file that the launcher image's probe wrote.
"""

from __future__ import annotations

from xml.etree import ElementTree

from ansible_collections.playvirt.core.plugins.module_utils.api import errors

CPU_MODEL = "cpu-model.node.kubevirt.io/"
HOST_MODEL = "host-model-cpu.node.kubevirt.io/"
VENDOR = "cpu-vendor.node.kubevirt.io/"
#: every label under these is ours: one that is not wished any more is removed
PREFIXES = (CPU_MODEL, HOST_MODEL, VENDOR)


def node_labels(domain_capabilities: str) -> dict[str, str]:
    """Return label -> "true" for the CPU models that guests can have here, the host model and its vendor.

    Raises InvalidObject when the text is not domain capabilities.
    """
    try:
        root = ElementTree.fromstring(domain_capabilities)
    except ElementTree.ParseError as error:
        raise errors.InvalidObject(f"domain capabilities are not XML: {error}", field="domainCapabilities") from error
    if root.tag != "domainCapabilities":
        raise errors.InvalidObject(f"expected domainCapabilities, found <{root.tag}>", field="domainCapabilities")
    models = root.findall("cpu/mode[@name='custom']/model[@usable='yes']")
    names = [CPU_MODEL + (model.text or "") for model in models]
    names += [HOST_MODEL + (model.text or "") for model in root.findall("cpu/mode[@name='host-model']/model")]
    names += [VENDOR + (vendor.text or "") for vendor in root.findall("cpu/mode[@name='host-model']/vendor")]
    return dict.fromkeys(names, "true")


def label_changes(present: dict[str, str], wished: dict[str, str]) -> dict[str, str | None]:
    """Return the merge patch of a Node's labels from the present ones: wished values, and None for labels of ours that have to go."""
    stale = {name: None for name in present if name.startswith(PREFIXES) and name not in wished}
    return {**stale, **{name: value for name, value in wished.items() if present.get(name) != value}}
