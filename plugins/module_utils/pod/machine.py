"""What the launcher pod has for the machine itself, and not for its disks: the image with its kernel, huge pages, a node whose CPU can do what is asked.

In: a VMI's spec. Out: the pod's volumes, the compute container's mounts, labels that the node must have, secrets for pulling images. Under emulation
QEMU leaves out what it cannot emulate without a word, so the scheduler looks for nodes that can; with KVM libvirt compares with the node's CPU and says
what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import guest_resources, names, quantity

_KERNEL, _PAGES = "kernel-boot", "hugepages"
_UNITS = (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))


def _kernel_container(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    boot = (spec["domain"].get("firmware") or {}).get("kernelBoot") or {}
    found: Mapping[str, Any] = boot.get("container") or {}
    return found


def page_size(spec: Mapping[str, Any]) -> str | None:
    """The size of the guest's huge pages as Kubernetes spells it (`2Mi`); None without them."""
    pages = (spec["domain"].get("memory") or {}).get("hugepages")
    if not pages:
        return None
    size = quantity.parse_bytes(pages["pageSize"], field="spec.domain.memory.hugepages.pageSize")
    return next((f"{size // unit}{name}" for name, unit in _UNITS if size % unit == 0), str(size))


def huge_memory(spec: Mapping[str, Any]) -> dict[str, str]:
    """The resource that backs the guest's memory, with its amount; empty without huge pages."""
    size = page_size(spec)
    return {f"hugepages-{size}": str(guest_resources.guest_memory_bytes(spec))} if size else {}


def pod_volumes(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pod's volumes."""
    container, size = _kernel_container(spec), page_size(spec)
    made: list[dict[str, Any]] = []
    if container:
        policy = container.get("imagePullPolicy", "IfNotPresent")
        made.append({"name": _KERNEL, "image": {"reference": container["image"], "pullPolicy": policy}})
    if size:
        made.append({"name": _PAGES, "emptyDir": {"medium": f"HugePages-{size}"}})
    return made


def mounts(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where they are mounted."""
    made: list[dict[str, Any]] = []
    if _kernel_container(spec):
        made.append({"name": _KERNEL, "mountPath": names.KERNEL_BOOT_DIRECTORY, "readOnly": True})
    if page_size(spec):
        made.append({"name": _PAGES, "mountPath": names.HUGEPAGES_DIRECTORY})
    return made


def pull_secrets(spec: Mapping[str, Any]) -> list[str]:
    """Names of the secrets that images are pulled with."""
    secret = _kernel_container(spec).get("imagePullSecret")
    return [secret] if secret else []


def node_labels(spec: Mapping[str, Any], *, emulation: bool) -> dict[str, str]:
    """Labels of nodes that can emulate the CPU asked for: its model, and the features that it requires."""
    cpu = spec["domain"].get("cpu") or {}
    if not emulation:
        return {}
    required = [
        feature["name"] for feature in cpu.get("features") or [] if (feature.get("policy") or "require") == "require"
    ]
    model = cpu.get("model")
    wanted = [names.CPU_MODEL + model] if model and model not in names.CPU_HOST_MODES else []
    return dict.fromkeys([*wanted, *(names.CPU_FEATURE + name for name in required)], "true")
