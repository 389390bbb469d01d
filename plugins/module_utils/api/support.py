"""Which fields playvirt acts on today; what is set beside them is refused by admission, naming the field.

The tables below are the one place to change when playvirt learns a field. A field that is not in them is not acted on: neither one that was forgotten,
nor one that no schema knows (as metadata of a template may carry). In: an object as a client wrote it, of any version. Out: causes. Called by
admission. Statuses are not looked at, they are the controllers' own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, Cause


@dataclass(frozen=True)
class All:
    """The field is acted on, with everything below it."""


@dataclass(frozen=True)
class Only:
    """The field is acted on where it has one of these values; of a list, each entry."""

    values: tuple[str | bool, ...]


ALL = All()
#: a switch that is off by default: saying so asks for what is there anyway
OFF, ON = Only((False,)), Only((True,))

_CLOUD_INIT = {
    "userData": ALL,
    "userDataBase64": ALL,
    "secretRef": ALL,
    "networkData": ALL,
    "networkDataBase64": ALL,
    "networkDataSecretRef": ALL,
}
_CLAIM = {"claimName": ALL, "readOnly": ALL}

_DISK = {
    "name": ALL,
    "disk": {"bus": Only(("virtio", "sata", "scsi", "usb")), "readonly": ALL},
    "cdrom": {"bus": Only(("sata", "scsi", "usb")), "readonly": ON, "tray": ALL},
    "lun": {"bus": Only(("scsi",)), "readonly": ALL, "reservation": OFF},
    "bootOrder": ALL,
    "serial": ALL,
    "cache": ALL,
    "io": ALL,
    "errorPolicy": ALL,
    "blockSize": {"custom": ALL},
    "dedicatedIOThread": ALL,
    "shareable": ALL,
    "changedBlockTracking": OFF,
}

_INTERFACE = {
    "name": ALL,
    "masquerade": {},
    "bridge": {},
    "passtBinding": {},
    "model": Only(("virtio", "e1000", "e1000e", "ne2k_pci", "pcnet", "rtl8139")),
    "macAddress": ALL,
    "state": ALL,
    "ports": ALL,
    "dhcpOptions": ALL,
    "bootOrder": ALL,
    "pciAddress": ALL,
    "acpiIndex": ALL,
}

_NETWORK = {
    "name": ALL,
    "pod": {"vmNetworkCIDR": ALL, "vmIPv6NetworkCIDR": ALL},
    "multus": {"networkName": ALL, "default": ALL},
}

_DEVICES: Mapping[str, Any] = {
    "disks": _DISK,
    "interfaces": _INTERFACE,
    "inputs": ALL,
    "rng": ALL,
    "tpm": {"enabled": ALL, "persistent": OFF},
    "watchdog": ALL,
    "sound": ALL,
    "video": ALL,
    "panicDevices": ALL,
    "autoattachPodInterface": ALL,
    "autoattachSerialConsole": ALL,
    "autoattachGraphicsDevice": ALL,
    "autoattachMemBalloon": ALL,
    "autoattachInputDevice": ALL,
    "autoattachVSOCK": OFF,
    "logSerialConsole": ALL,
    "blockMultiQueue": ALL,
    "disableHotplug": ALL,
    "networkInterfaceMultiqueue": ALL,
    "useVirtioTransitional": ALL,
}

_DOMAIN: Mapping[str, Any] = {
    "cpu": {
        "sockets": ALL,
        "cores": ALL,
        "threads": ALL,
        "model": ALL,
        "features": ALL,
        "dedicatedCpuPlacement": OFF,
        "isolateEmulatorThread": OFF,
    },
    "memory": {"guest": ALL, "hugepages": ALL},
    "resources": {"requests": ALL, "limits": ALL, "overcommitGuestOverhead": ALL},
    "machine": {"type": ALL},
    "firmware": {
        "uuid": ALL,
        "serial": ALL,
        "bootloader": {"bios": ALL, "efi": {"secureBoot": ALL, "persistent": OFF}},
        "kernelBoot": ALL,
    },
    "chassis": ALL,
    "clock": {
        "utc": ALL,
        "timezone": ALL,
        "timer": {
            "hpet": {"present": ALL, "tickPolicy": Only(("delay",))},
            "pit": {"present": ON, "tickPolicy": Only(("delay", "discard"))},
            "rtc": {"present": ON, "tickPolicy": ALL, "track": ALL},
            "kvm": ALL,
            "hyperv": ALL,
        },
    },
    "features": {
        "acpi": ALL,
        "apic": {"enabled": ON, "endOfInterrupt": ALL},
        "smm": ALL,
        "pvspinlock": ALL,
        "kvm": ALL,
        "hyperv": ALL,
        "hypervPassthrough": ALL,
    },
    "ioThreadsPolicy": ALL,
    "ioThreads": ALL,
    "rebootPolicy": ALL,
    "devices": _DEVICES,
}

_VOLUME = {
    "name": ALL,
    "containerDisk": {"image": ALL, "path": ALL, "imagePullPolicy": ALL, "imagePullSecret": ALL},
    "cloudInitNoCloud": _CLOUD_INIT,
    "cloudInitConfigDrive": _CLOUD_INIT,
    "emptyDisk": {"capacity": ALL},
    "persistentVolumeClaim": {**_CLAIM, "hotpluggable": OFF},
    "ephemeral": {"persistentVolumeClaim": _CLAIM},
    "hostDisk": ALL,
    "configMap": ALL,
    "secret": ALL,
    "serviceAccount": ALL,
    "downwardAPI": {
        "fields": {"path": ALL, "fieldRef": ALL, "resourceFieldRef": ALL},
        "volumeLabel": ALL,
    },
}

_INSTANCE = {
    "affinity": ALL,
    "domain": _DOMAIN,
    "livenessProbe": ALL,
    "networks": _NETWORK,
    "volumes": _VOLUME,
    "architecture": Only(("amd64",)),
    "hostname": ALL,
    "subdomain": ALL,
    "dnsPolicy": ALL,
    "dnsConfig": ALL,
    "evictionStrategy": Only(("None",)),
    "nodeSelector": ALL,
    "priorityClassName": ALL,
    "readinessProbe": ALL,
    "schedulerName": ALL,
    "startStrategy": ALL,
    "terminationGracePeriodSeconds": ALL,
    "tolerations": ALL,
    "topologySpreadConstraints": ALL,
}

_TEMPLATE_META = {"labels": ALL, "annotations": ALL}

_MACHINE = {
    "runStrategy": Only(("Always", "Halted", "Once")),
    "running": ALL,
    "template": {"metadata": _TEMPLATE_META, "spec": _INSTANCE},
}

# The oldest form: the same fields under its own names.
_V1ALPHA1_VOLUME = {("registryDisk" if name == "containerDisk" else name): node for name, node in _VOLUME.items()}
_V1ALPHA1_DEVICES = {**_DEVICES, "disks": {**_DISK, "volumeName": ALL}}
_V1ALPHA1_INSTANCE = {
    **_INSTANCE,
    "domain": {**_DOMAIN, "devices": _V1ALPHA1_DEVICES},
    "volumes": _V1ALPHA1_VOLUME,
}
_V1ALPHA1_MACHINE = {**_MACHINE, "template": {"metadata": _TEMPLATE_META, "spec": _V1ALPHA1_INSTANCE}}

_KUBEVIRT = {
    "imageRegistry": ALL,
    "imageTag": ALL,
    "imagePullPolicy": ALL,
    "configuration": {
        "additionalGuestMemoryOverheadRatio": ALL,
        "additions": ALL,
        "admission": {"siteRules": ALL},
        "architectureConfiguration": {
            "amd64": {"emulatedMachines": ALL, "machineType": ALL},
            "defaultArchitecture": Only(("amd64",)),
        },
        "cpuModel": ALL,
        "cpuRequest": ALL,
        "developerConfiguration": {
            "cpuAllocationRatio": ALL,
            "featureGates": Only(("HostDisk",)),
            "memoryOvercommit": ALL,
            "useEmulation": ALL,
        },
        "evictionStrategy": Only(("None",)),
        "network": {"defaultNetworkInterface": ALL, "permitBridgeInterfaceOnPodNetwork": ALL},
        "smbios": ALL,
        "vmRolloutStrategy": Only(("Stage",)),
    },
}

#: kind -> what is acted on in its spec; a kind that is not here is not acted on at all
ACTED_ON: Mapping[str, Mapping[str, Any]] = {
    "VirtualMachine": _MACHINE,
    "VirtualMachineInstance": _INSTANCE,
    "VirtualMachineInstancePreset": {"selector": ALL, "domain": _DOMAIN},
    "KubeVirt": _KUBEVIRT,
}

#: objects that only hold others: empty, they say nothing
_MERE_HOLDERS = frozenset(
    (
        "affinity",
        "annotations",
        "chassis",
        "clock",
        "cpu",
        "dnsConfig",
        "features",
        "firmware",
        "hyperv",
        "ioThreads",
        "labels",
        "machine",
        "memory",
        "migrations",
        "nodeAffinity",
        "nodePlacement",
        "nodeSelector",
        "podAffinity",
        "podAntiAffinity",
        "resources",
        "timer",
    )
)


def _runs_once(obj: Mapping[str, Any]) -> bool:
    """Whether it is a machine in the oldest form with `spec.domain`, which asks for runStrategy Once."""
    spec = obj.get("spec")
    oldest = obj.get("kind") == "VirtualMachine" and str(obj.get("apiVersion")).endswith("/v1alpha1")
    return oldest and isinstance(spec, Mapping) and spec.get("domain") is not None


def _acted_on(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if _runs_once(obj):
        return _V1ALPHA1_INSTANCE
    if obj.get("kind") == "VirtualMachine" and str(obj.get("apiVersion")).endswith("/v1alpha1"):
        return _V1ALPHA1_MACHINE
    return ACTED_ON.get(str(obj.get("kind")))


def _is_set(name: str, value: Any) -> bool:
    """Whether a value says anything: null, an empty list and an empty mere holder do not."""
    if value is None or value == []:
        return False
    return not (value == {} and name in _MERE_HOLDERS)


def _unsupported(node: Any, value: Any, path: str) -> Iterator[Cause]:
    if value is None or node is ALL:
        return
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _unsupported(node, entry, f"{path}[{index}]")
    elif isinstance(node, Only):
        if not isinstance(value, (str, bool)) or value not in node.values:
            told = ", ".join(str(allowed).lower() if isinstance(allowed, bool) else allowed for allowed in node.values)
            shown = str(value).lower() if isinstance(value, bool) else value
            yield Cause(path, f"{path} '{shown}' is not supported by playvirt yet; supported: {told}", NOT_SUPPORTED)
    elif isinstance(value, Mapping) and isinstance(node, Mapping):
        for name, below in value.items():
            if name in node:
                yield from _unsupported(node[name], below, f"{path}.{name}")
            elif _is_set(name, below):
                yield Cause(f"{path}.{name}", f"{path}.{name} is not supported by playvirt yet", NOT_SUPPORTED)


def unsupported(obj: Mapping[str, Any]) -> list[Cause]:
    """The fields that are set and that playvirt does not act on, each with its path (`spec.volumes[1].persistentVolumeClaim`).

    Where nothing below a field is acted on, the field is named once and not what is below it.
    """
    node = _acted_on(obj)
    if node is None:
        return [Cause("spec", f"{obj.get('kind')} is not supported by playvirt yet", NOT_SUPPORTED)]
    return list(_unsupported(node, obj.get("spec"), "spec"))
