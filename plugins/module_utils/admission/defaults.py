"""What an instance gets where it says nothing: architecture, machine, memory, CPUs, disks, a network interface, probes.

In: an instance with its presets merged in, the installation's settings, a source of UUIDs. Out: the same instance, filled in; what it says itself stays
as it is. The virtual machine keeps what has to be the same at every start: its UUID and serial number, architecture and machine type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import amounts, default_devices, tree
from ansible_collections.playvirt.core.plugins.module_utils.admission import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.api import names, quantity

NewUUID = Callable[[], str]
_Object = dict[str, Any]

#: as many as a domain can have
_MOST_CPUS = 512
_HOTPLUG_RATIO = 4
_GIBIBYTE = 2**30
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def child(obj: _Object, key: str) -> _Object:
    """The object under a key, made where there is none."""
    if not isinstance(obj.get(key), dict):
        obj[key] = {}
    found: _Object = obj[key]
    return found


def set_default(obj: _Object, key: str, value: Any) -> None:
    """Set a field that is not there, or empty."""
    if obj.get(key) is None or obj.get(key) == "":
        obj[key] = value


def _machine(spec: _Object, settings: settings_types.Settings) -> None:
    set_default(spec, "architecture", settings.architecture)
    machine = settings.machine_types.get(spec["architecture"])
    if machine:
        set_default(child(spec["domain"], "machine"), "type", machine)


def _requests(domain: _Object, settings: settings_types.Settings) -> None:
    limits, requests = (tree.section(domain, "resources", kind) for kind in ("limits", "requests"))
    cpu = limits.get("cpu") or (settings.cpu_request if settings.cpu_request != "100m" else "")
    if cpu and not tree.has(requests, "cpu"):
        child(child(domain, "resources"), "requests")["cpu"] = cpu


def _memory(domain: _Object) -> None:
    memory = tree.section(domain, "memory")
    if tree.has(memory, "guest"):
        return
    asked = [tree.section(domain, "resources", kind).get("memory") for kind in ("requests", "limits")]
    sizes = [*asked, tree.section(memory, "hugepages").get("pageSize")]
    size = next((size for size in sizes if size is not None and amounts.parse(size)), None)
    if size is not None:
        child(domain, "memory")["guest"] = size


def _cpus(domain: _Object, settings: settings_types.Settings, architecture: str) -> None:
    cpu = child(domain, "cpu")
    if not any(tree.count(cpu, part) for part in ("sockets", "cores", "threads")):
        asked = [amounts.amount(tree.section(domain, "resources", kind), "cpu") for kind in ("limits", "requests")]
        wanted = next((amount for amount in asked if amount > 0), None)
        cpu["sockets"] = min(_MOST_CPUS, int(amounts.whole(wanted))) if wanted else 1
    for part in ("sockets", "cores", "threads"):
        if not tree.count(cpu, part):
            cpu[part] = 1
    model = "host-passthrough" if architecture == "arm64" else "host-model"
    # Under emulation the emulator's own model is the one that every guest boots on.
    if settings.cpu_model or not settings.use_emulation:
        set_default(cpu, "model", settings.cpu_model or model)


def _live_update(domain: _Object) -> None:
    """Room to grow while the guest runs."""
    cpu, memory = domain["cpu"], tree.section(domain, "memory")
    if not tree.count(cpu, "maxSockets"):
        each = max(1, cpu["cores"] * cpu["threads"])
        cpu["maxSockets"] = max(cpu["sockets"], min(cpu["sockets"] * _HOTPLUG_RATIO, _MOST_CPUS // each))
    guest = amounts.amount(memory, "guest")
    if guest >= _GIBIBYTE and not tree.has(memory, "maxGuest") and not tree.has(memory, "hugepages"):
        domain["memory"]["maxGuest"] = str(int(min(guest * _HOTPLUG_RATIO, quantity.LARGEST)))


def pull_policy(image: str) -> str:
    """When to pull an image: always where its tag may move on."""
    name = image.rpartition("/")[2]
    if "@" in name:
        return "IfNotPresent"
    _, colon, tag = name.rpartition(":")
    return "Always" if not colon or tag == "latest" else "IfNotPresent"


def _images(spec: _Object) -> None:
    sources = [volume.get("containerDisk") for volume in spec.get("volumes") or [] if isinstance(volume, dict)]
    sources.append(tree.section(spec, "domain", "firmware", "kernelBoot").get("container"))
    for source in sources:
        if isinstance(source, dict) and source.get("image"):
            set_default(source, "imagePullPolicy", pull_policy(str(source["image"])))


def _probes(spec: _Object) -> None:
    for name in ("readinessProbe", "livenessProbe"):
        probe = spec.get(name)
        if isinstance(probe, dict):
            probe |= {key: value for key, value in _PROBE.items() if not tree.count(probe, key)}


def complete_spec(spec: _Object, settings: settings_types.Settings) -> None:
    """Fill in an instance's spec, in place, as the webhook does when the instance is made."""
    domain = child(spec, "domain")
    child(domain, "devices")
    _machine(spec, settings)
    architecture = str(spec["architecture"])
    _requests(domain, settings)
    _memory(domain)
    _cpus(domain, settings, architecture)
    if settings.live_update:
        _live_update(domain)
    _images(spec)
    if settings.eviction_strategy:
        set_default(spec, "evictionStrategy", settings.eviction_strategy)
    default_devices.add_interface(spec, settings)
    default_devices.add_disks(spec, architecture)
    default_devices.complete_devices(domain["devices"])
    default_devices.complete_features(domain)
    _probes(spec)


def add_finalizer(obj: _Object, finalizer: str) -> None:
    """Add a finalizer that is not there yet, in place."""
    meta = child(obj, "metadata")
    finalizers = meta.get("finalizers") or []
    if finalizer not in finalizers:
        meta["finalizers"] = [*finalizers, finalizer]


def complete_instance(vmi: _Object, settings: settings_types.Settings, new_uuid: NewUUID) -> None:
    """Fill in a VirtualMachineInstance that is being made, in place."""
    complete_spec(child(vmi, "spec"), settings)
    set_default(child(vmi["spec"]["domain"], "firmware"), "uuid", new_uuid())
    add_finalizer(vmi, names.VMI_FINALIZER)


#: what of a machine's template stays the same over its starts: the way to it, below the instance's spec
_LASTING = (
    ("architecture",),
    ("domain", "machine", "type"),
    ("domain", "firmware", "uuid"),
    ("domain", "firmware", "serial"),
)


def keep_machine(vm: _Object, old: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
    """Put back, in place, what `complete_machine` once gave to a VirtualMachine and what an update leaves out.

    Whoever replaces a machine by the manifest that it was made from does not mean another machine. `merged` is the new instance with the presets in it.
    """
    before, given = tree.section(old, "spec", "template", "spec"), tree.section(merged, "spec")
    for *way, last in _LASTING:
        value = tree.section(before, *way).get(last)
        if value and not tree.text(tree.section(given, *way), last):
            obj = vm["spec"]["template"]["spec"]
            for key in way:
                obj = child(obj, key)
            obj[last] = value


def complete_machine(
    vm: _Object, merged: Mapping[str, Any], settings: settings_types.Settings, new_uuid: NewUUID
) -> None:
    """Fill in a VirtualMachine that is being made, in place: only what has to stay the same over its starts.

    `merged` is its instance with the presets in it: what they give is not given again here, since the template would then override them.
    """
    spec = child(child(child(vm, "spec"), "template"), "spec")
    domain, given = child(spec, "domain"), tree.section(merged, "spec", "domain")
    for name in ("uuid", "serial"):
        if not tree.text(tree.section(given, "firmware"), name):
            set_default(child(domain, "firmware"), name, new_uuid())
    set_default(spec, "architecture", settings.architecture)
    machine = settings.machine_types.get(str(spec["architecture"]))
    if machine and not tree.text(tree.section(given, "machine"), "type"):
        set_default(child(domain, "machine"), "type", machine)
