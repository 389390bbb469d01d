"""What a node's hypervisor can do, as labels of the Node: libvirt's domain capabilities read for what a scheduler needs.

In: the XML of `virsh domcapabilities`, and of the host model with its features by name. Out: labels with KubeVirt's prefixes. Called by:
virt-handler, with the files that the launcher image's probe wrote.
"""

from __future__ import annotations

from xml.etree import ElementTree

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, names

HOST_MODEL = "host-model-cpu.node.kubevirt.io/"
VENDOR = "cpu-vendor.node.kubevirt.io/"
#: every label under these is ours: one that is not wished any more is removed
PREFIXES = (names.CPU_MODEL, names.CPU_FEATURE, HOST_MODEL, VENDOR)


def _parsed(text: str, tag: str, words: str) -> ElementTree.Element:
    """The document. Raises InvalidObject when it is another one, or none."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise errors.InvalidObject(f"{words} are not XML: {error}", field=tag) from error
    if root.tag != tag:
        raise errors.InvalidObject(f"expected {tag}, found <{root.tag}>", field=tag)
    return root


def host_model(domain_capabilities: str) -> str | None:
    """The host model as a <cpu> element, which libvirt takes where it asks for a CPU; None where there is none.

    Raises InvalidObject when the text is not domain capabilities.
    """
    mode = _parsed(domain_capabilities, "domainCapabilities", "domain capabilities").find(
        "cpu/mode[@name='host-model']"
    )
    if mode is None or mode.get("supported") != "yes":
        return None
    cpu = ElementTree.Element("cpu", mode="custom", match="exact")
    cpu.extend(found for tag in ("model", "vendor", "feature") for found in mode.findall(tag))
    return ElementTree.tostring(cpu, encoding="unicode")


def node_labels(domain_capabilities: str, expanded_cpu: str = "") -> dict[str, str]:
    """Return label -> "true" for the CPU models that guests can have here, the host model, its vendor, and its features, which `expanded_cpu` lists.

    Raises InvalidObject when the texts are not domain capabilities and a CPU.
    """
    root = _parsed(domain_capabilities, "domainCapabilities", "domain capabilities")
    models = root.findall("cpu/mode[@name='custom']/model[@usable='yes']")
    labels = [names.CPU_MODEL + (model.text or "") for model in models]
    labels += [HOST_MODEL + (model.text or "") for model in root.findall("cpu/mode[@name='host-model']/model")]
    labels += [VENDOR + (vendor.text or "") for vendor in root.findall("cpu/mode[@name='host-model']/vendor")]
    if expanded_cpu:
        features = _parsed(expanded_cpu, "cpu", "features of the CPU").findall("feature[@policy='require']")
        labels += [names.CPU_FEATURE + str(feature.get("name")) for feature in features]
    return dict.fromkeys(labels, "true")


def label_changes(present: dict[str, str], wished: dict[str, str]) -> dict[str, str | None]:
    """Return the merge patch of a Node's labels from the present ones: wished values, and None for labels of ours that have to go."""
    stale = {name: None for name in present if name.startswith(PREFIXES) and name not in wished}
    return {**stale, **{name: value for name, value in wished.items() if present.get(name) != value}}
