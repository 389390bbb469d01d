"""The rules for disks, volumes, cloud-init and firmware: each refuses with its field and message, and lets its near miss pass."""

from __future__ import annotations

import base64

import pytest

from .cases import GONE, Case, Settings, told

DISK, VOLUME = "spec.domain.devices.disks[0]", "spec.volumes[0]"
FIRMWARE = "spec.domain.firmware"
_TWO = {"domain.devices.disks[+]": {"name": "data"}, "volumes[+]": {"name": "data", "emptyDisk": {"capacity": "1Gi"}}}
_CLAIM = {"volumes[0]": {"name": "root", "persistentVolumeClaim": {"claimName": "claim"}}}
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
    " (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def _disk(name: str, value: object) -> dict[str, object]:
    return {f"domain.devices.disks[0].{name}": value}


def _blocks(logical: int, physical: int) -> dict[str, object]:
    return _disk("blockSize.custom", {"logical": logical, "physical": physical})


DISKS: list[Case] = [
    (
        {**_disk("io", "native"), **_disk("cache", "writeback")},
        f"{DISK}.io",
        f"{DISK}.io 'native' needs {DISK}.cache none, not 'writeback'",
        {**_disk("io", "native"), **_disk("cache", "none")},
    ),
    (
        _disk("shareable", True),
        f"{DISK}.shareable",
        f"{DISK}.shareable can only be set for a volume that is one of: persistentVolumeClaim, dataVolume, hostDisk",
        {**_disk("shareable", True), **_CLAIM},
    ),
    (
        {**_blocks(4096, 4096), **_disk("disk.bus", "sata")},
        f"{DISK}.blockSize.custom.logical",
        f"{DISK}.blockSize.custom.logical: disks on a sata bus have logical blocks of 512 bytes, not 4096",
        {**_blocks(512, 4096), **_disk("disk.bus", "sata")},
    ),
    (
        {"domain.devices.disks[0].name": "registryvolume"},
        f"{DISK}.name",
        f"{DISK}.name 'registryvolume' not found.",
        {"domain.devices.disks[0].name": "registryvolume", "volumes[0].name": "registryvolume"},
    ),
    (
        {"volumes[+]": {"name": "data", "emptyDisk": {"capacity": "1Gi"}}},
        "spec.domain.volumes[1].name",
        "spec.domain.volumes[1].name 'data' not found.",
        _TWO,
    ),
    (
        {**_TWO, "domain.devices.disks[1].name": "root"},
        "spec.domain.devices.disks[1].name",
        f"spec.domain.devices.disks[1] and {DISK} must not have the same Name.",
        _TWO,
    ),
    (_disk("cdrom", {}), DISK, f"{DISK} can only have a single target type defined", {}),
    (
        _disk("disk.bus", "fdc"),
        f"{DISK}.disk.bus",
        f"{DISK} is set with an unrecognized bus fdc, must be one of: [virtio scsi sata usb]",
        _disk("disk.bus", "usb"),
    ),
    (_disk("disk.bus", "ide"), f"{DISK}.disk.bus", "IDE bus is not supported", _disk("disk.bus", "sata")),
    (
        {"domain.devices.disks[0]": {"name": "root", "cdrom": {"bus": "virtio"}}},
        f"{DISK}.cdrom.bus",
        "Bus type virtio is invalid for CD-ROM device",
        {"domain.devices.disks[0]": {"name": "root", "cdrom": {"bus": "sata"}}},
    ),
    (
        _disk("disk", {"bus": "sata", "readonly": True}),
        f"{DISK}.disk.readonly",
        "sata hard-disks do not support read-only.",
        _disk("disk", {"bus": "virtio", "readonly": True}),
    ),
    (
        {**_disk("dedicatedIOThread", True), **_disk("disk.bus", "scsi")},
        f"{DISK}.dedicatedIOThread",
        "IOThreads are not supported for disks on a scsi bus",
        _disk("dedicatedIOThread", True),
    ),
    (
        _disk("serial", "a b"),
        f"{DISK}.serial",
        f"{DISK} must be made up of the following characters [A-Za-z0-9_.+-], if specified",
        _disk("serial", "a_b"),
    ),
    (
        _disk("serial", "a" * 257),
        f"{DISK}.serial",
        f"{DISK} must be less than or equal to 256 in length, if specified",
        _disk("serial", "a" * 256),
    ),
    (
        _disk("cache", "unsafe"),
        f"{DISK}.cache",
        f"{DISK}.cache has invalid value unsafe",
        _disk("cache", "writethrough"),
    ),
    (
        _disk("io", "io_uring"),
        f"{DISK}.io",
        f"Disk IO mode for {DISK}.io is not supported. Supported modes are: native, threads.",
        _disk("io", "native"),
    ),
    (
        _disk("errorPolicy", "retry"),
        f"{DISK}.errorPolicy",
        f'{DISK}.errorPolicy has invalid value "retry"',
        _disk("errorPolicy", "enospace"),
    ),
    (
        _disk("bootOrder", 0),
        f"{DISK}.bootOrder",
        f"{DISK} must have a boot order > 0, if supplied",
        _disk("bootOrder", 1),
    ),
    (
        {**_disk("bootOrder", 1), "domain.devices.interfaces[0].bootOrder": 1},
        "spec.domain.devices.interfaces[0].bootOrder",
        "Boot order for spec.domain.devices.interfaces[0].bootOrder already set for a different device.",
        {**_disk("bootOrder", 1), "domain.devices.interfaces[0].bootOrder": 2},
    ),
    (
        {**_TWO, **_disk("bootOrder", 1), "domain.devices.disks[1].bootOrder": 1},
        "spec.domain.devices.disks[1].bootOrder",
        "Boot order for spec.domain.devices.disks[1].bootOrder already set for a different device.",
        {**_TWO, **_disk("bootOrder", 1), "domain.devices.disks[1].bootOrder": 2},
    ),
    (
        _blocks(256, 512),
        f"{DISK}.blockSize.custom.logical",
        "Provided size of 256 is less than the supported minimum size of 512",
        _blocks(512, 512),
    ),
    (
        _blocks(512, 4194304),
        f"{DISK}.blockSize.custom.physical",
        "Provided size of 4194304 is greater than the supported maximum size of 2097152",
        _blocks(512, 2097152),
    ),
    (
        _blocks(513, 1024),
        f"{DISK}.blockSize.custom.logical",
        "Provided size of 513 is not a power of 2",
        _blocks(1024, 1024),
    ),
    (
        _blocks(4096, 512),
        f"{DISK}.blockSize.custom.logical",
        "Logical size 4096 must be the same or less than the physical size of 512",
        _blocks(512, 4096),
    ),
    (
        {**_blocks(512, 512), **_disk("blockSize.matchVolume", {})},
        f"{DISK}.blockSize",
        "Block size matching can't be enabled together with a custom value",
        {**_blocks(512, 512), **_disk("blockSize.matchVolume", {"enabled": False})},
    ),
    (
        {"domain.devices.disks[0]": {"name": "root", "lun": {"bus": "scsi"}}},
        f"{DISK}.lun",
        f"{DISK}.lun can only be mapped to a DataVolume or PersistentVolumeClaim volume.",
        {"domain.devices.disks[0]": {"name": "root", "lun": {"bus": "scsi"}}, **_CLAIM},
    ),
    (
        {**_TWO, "domain.devices.disks[1].name": "My_Disk", "volumes[1].name": "My_Disk"},
        "spec.domain.devices.disks[1].name",
        LABEL,
        _TWO,
    ),
]


def _volume(kind: str, value: object) -> dict[str, object]:
    return {"volumes[0]": {"name": "root", kind: value}}


VOLUMES: list[Case] = [
    (
        {**_TWO, "volumes[1].name": "root", "domain.devices.disks[1]": {"name": "other", "cdrom": {}}},
        "spec.volumes[1].name",
        f"spec.volumes[1] and {VOLUME} must not have the same Name.",
        _TWO,
    ),
    (
        {"volumes[0].emptyDisk": {"capacity": "1Gi"}},
        VOLUME,
        f"{VOLUME} must have exactly one source type set",
        {},
    ),
    (
        {"volumes[0].containerDisk": GONE},
        VOLUME,
        f"{VOLUME} must have exactly one source type set",
        _volume("emptyDisk", {"capacity": "1Gi"}),
    ),
    (
        _volume("dataVolume", {"name": ""}),
        f"{VOLUME}.dataVolume.name",
        "DataVolume 'name' must be set",
        _volume("dataVolume", {"name": "x"}),
    ),
    *(
        (
            _volume(kind, {}),
            f"{VOLUME}.{kind}.{name}",
            f"{VOLUME}.{kind}.{name} is a required field",
            _volume(kind, {name: "x"}),
        )
        for kind, name in (
            ("configMap", "name"),
            ("secret", "secretName"),
            ("serviceAccount", "serviceAccountName"),
        )
    ),
    (
        {
            **_volume("serviceAccount", {"serviceAccountName": "a"}),
            "volumes[+]": {"name": "data", "serviceAccount": {"serviceAccountName": "b"}},
            "domain.devices.disks[+]": {"name": "data"},
        },
        "spec.volumes",
        "spec.volumes must have max one serviceAccount volume set",
        _volume("serviceAccount", {"serviceAccountName": "a"}),
    ),
    (
        {
            **_volume("memoryDump", {"claimName": "a"}),
            "volumes[+]": {"name": "data", "memoryDump": {"claimName": "b"}},
        },
        "spec.volumes",
        "spec.volumes must have max one memory dump volume set",
        _volume("memoryDump", {"claimName": "a"}),
    ),
    (
        _volume("containerDisk", {"image": "x", "path": "/"}),
        f"{VOLUME}.containerDisk.path",
        f"{VOLUME}.containerDisk.path must not point to root",
        _volume("containerDisk", {"image": "x", "path": "/disk"}),
    ),
    *(
        (
            _volume("containerDisk", {"image": "x", "path": path}),
            f"{VOLUME}.containerDisk.path",
            f"{VOLUME}.containerDisk.path must be an absolute path to a file without relative components",
            _volume("containerDisk", {"image": "x", "path": "/disk/a.img"}),
        )
        for path in ("disk/a.img", "/disk/../a.img", "//disk", "/disk//a.img")
    ),
    (
        {
            "domain.devices.filesystems": [{"name": "shared", "virtiofs": {}}],
            "volumes[+]": {"name": "shared", "persistentVolumeClaim": {"claimName": "c"}},
        },
        "spec.domain.devices.filesystems[0].virtiofs",
        "virtiofs is not allowed: virtiofs feature gate is not enabled for PVC",
        {
            "domain.devices.filesystems": [{"name": "shared", "virtiofs": {}}],
            "volumes[+]": {"name": "shared", "configMap": {"name": "c"}},
        },
    ),
]


def _cloud(**source: object) -> dict[str, object]:
    return _volume("cloudInitNoCloud", source)


CLOUD = f"{VOLUME}.cloudInitNoCloud"
_LONG = "x" * 2049
CLOUD_INIT: list[Case] = [
    (
        _cloud(userDataBase64="%%%"),
        f"{CLOUD}.userDataBase64",
        f"{CLOUD}.userDataBase64.cloudInitNoCloud.userDataBase64 is not a valid base64 value.",
        _cloud(userDataBase64="I2Nsb3VkLWNvbmZpZwo="),
    ),
    (
        _cloud(userData="a", userDataBase64="YQ=="),
        CLOUD,
        f"{CLOUD} must have only one userdatasource set.",
        _cloud(userData="a"),
    ),
    (
        _cloud(networkData="a", networkDataSecretRef={"name": "s"}),
        CLOUD,
        f"{CLOUD} must have only one networkdata source set.",
        _cloud(userData="a", networkData="a"),
    ),
    (
        _cloud(userData=_LONG),
        CLOUD,
        f"{CLOUD} userdata exceeds 2048 byte limit. Should use UserDataSecretRef for larger data.",
        _cloud(userData="x" * 2048),
    ),
    (
        _cloud(userDataBase64=base64.b64encode(_LONG.encode()).decode()),
        CLOUD,
        f"{CLOUD} userdata exceeds 2048 byte limit. Should use UserDataSecretRef for larger data.",
        _cloud(userDataBase64=base64.b64encode(b"x" * 2048).decode()),
    ),
    (
        _cloud(networkData="é" * 1025),
        CLOUD,
        f"{CLOUD} networkdata exceeds 2048 byte limit. Should use NetworkDataSecretRef for larger data.",
        _cloud(networkData="é" * 1024),
    ),
    (
        _volume("cloudInitConfigDrive", {}),
        f"{VOLUME}.cloudInitConfigDrive",
        f"{VOLUME}.cloudInitConfigDrive must have at least one userdatasource or one networkdatasource set.",
        _volume("cloudInitConfigDrive", {"secretRef": {"name": "s"}}),
    ),
]

_EFI = {"domain.firmware.bootloader.efi": {}, "domain.features.smm": {"enabled": True}}
_KERNEL = {"domain.firmware.kernelBoot.container": {"image": "k", "kernelPath": "/boot/vmlinuz"}}
_CONTAINER = f"{FIRMWARE}.kernelBoot.container"
BOOT: list[Case] = [
    (
        {"domain.firmware.serial": "a b"},
        f"{FIRMWARE}.serial",
        f"{FIRMWARE}.serial must be made up of the following characters [A-Za-z0-9_.+-], if specified",
        {"domain.firmware.serial": "a.b"},
    ),
    (
        {**_EFI, "domain.firmware.bootloader.bios": {}},
        f"{FIRMWARE}.bootloader",
        f"{FIRMWARE}.bootloader has both EFI and BIOS configured, but they are mutually exclusive.",
        _EFI,
    ),
    (
        {"domain.firmware.bootloader.efi": {}},
        f"{FIRMWARE}.bootloader.efi",
        f"{FIRMWARE}.bootloader.efi has EFI SecureBoot enabled. SecureBoot requires SMM, which is currently disabled.",
        {"domain.firmware.bootloader.efi": {"secureBoot": False}},
    ),
    (
        {"domain.firmware.acpi": {}},
        f"{FIRMWARE}.acpi",
        "ACPI was set but no SLIC nor MSDM volume reference was set",
        {"domain.firmware.acpi.slicNameRef": "root", **_volume("secret", {"secretName": "s"})},
    ),
    (
        {"domain.firmware.acpi.slicNameRef": "root"},
        f"{FIRMWARE}.acpi.slicNameRef",
        f"{FIRMWARE}.acpi refers to Volume of unsupported type.",
        {"domain.firmware.acpi.slicNameRef": "root", **_volume("secret", {"secretName": "s"})},
    ),
    (
        {"domain.firmware.acpi.msdmNameRef": "lost"},
        f"{FIRMWARE}.acpi.msdmNameRef",
        f"{FIRMWARE}.acpi does not have a matching Volume.",
        {"domain.firmware.acpi.msdmNameRef": "root", **_volume("secret", {"secretName": "s"})},
    ),
    (
        {"domain.firmware.kernelBoot.kernelArgs": "quiet"},
        f"{FIRMWARE}.kernelBoot.kernelArgs",
        "kernel arguments cannot be provided without an external kernel",
        {"domain.firmware.kernelBoot.kernelArgs": "quiet", **_KERNEL},
    ),
    (
        {**_KERNEL, "domain.firmware.kernelBoot.container.image": ""},
        f"{_CONTAINER}.image",
        f"{_CONTAINER} must be defined with an image",
        _KERNEL,
    ),
    (
        {"domain.firmware.kernelBoot.container": {"image": "k"}},
        _CONTAINER,
        f"{_CONTAINER} must be defined with at least one of the following: kernelPath, initrdPath",
        {"domain.firmware.kernelBoot.container": {"image": "k", "kernelPath": "/boot/vmlinuz"}},
    ),
    (
        {"domain.firmware.kernelBoot.container": {"image": "k", "initrdPath": "/boot/initrd"}},
        f"{_CONTAINER}.kernelPath",
        f"{_CONTAINER}.kernelPath is required with initrdPath: it is the kernel that loads it",
        {**_KERNEL, "domain.firmware.kernelBoot.container.initrdPath": "/boot/initrd"},
    ),
    (
        {**_EFI, **_KERNEL},
        _CONTAINER,
        f"{_CONTAINER} gets past Secure Boot, which does not check it; set {FIRMWARE}.bootloader.efi.secureBoot to false",
        {**_EFI, **_KERNEL, "domain.firmware.bootloader.efi.secureBoot": False},
    ),
    (
        {**_EFI, "domain.features.acpi": {"enabled": False}},
        "spec.domain.features.acpi.enabled",
        f"spec.domain.features.acpi.enabled 'false' is not possible with {FIRMWARE}.bootloader.efi, which needs ACPI",
        {**_EFI, "domain.features.acpi": {}},
    ),
    (
        {"domain.firmware.bootloader.bios": {"useSerial": True}, "domain.devices.autoattachSerialConsole": False},
        f"{FIRMWARE}.bootloader.bios.useSerial",
        f"{FIRMWARE}.bootloader.bios.useSerial needs a serial console, and spec.domain.devices.autoattachSerialConsole is false",
        {"domain.firmware.bootloader.bios": {"useSerial": True}},
    ),
    (
        {"domain.clock": {"timezone": "Europe/Atlantis"}},
        "spec.domain.clock.timezone",
        "spec.domain.clock.timezone 'Europe/Atlantis' is no time zone; use a name such as Europe/Vienna or America/New_York",
        {"domain.clock": {"timezone": "Europe/Vienna"}},
    ),
    (
        {"domain.clock": {"timezone": "Europe/Vienna", "utc": {}}},
        "spec.domain.clock",
        "spec.domain.clock has both utc and timezone configured, but they are mutually exclusive.",
        {"domain.clock": {"utc": {"offsetSeconds": 60}}},
    ),
    (
        {**_KERNEL, "domain.firmware.kernelBoot.container.kernelPath": "/"},
        f"{_CONTAINER}.kernelPath",
        f"{_CONTAINER}.kernelPath must not point to root",
        _KERNEL,
    ),
    (
        {**_KERNEL, "domain.firmware.kernelBoot.container.initrdPath": "initrd"},
        f"{_CONTAINER}.initrdPath",
        f"{_CONTAINER}.initrdPath must be an absolute path to a file without relative components",
        {**_KERNEL, "domain.firmware.kernelBoot.container.initrdPath": "/initrd"},
    ),
    (
        {
            "domain.launchSecurity": {"sev": {}, "tdx": {}},
            "domain.firmware.bootloader.efi": {"secureBoot": False},
        },
        "spec.domain.launchSecurity",
        "One and only one launchSecurity type can be set",
        {"domain.launchSecurity": {"sev": {}}, "domain.firmware.bootloader.efi": {"secureBoot": False}},
    ),
    (
        {"domain.launchSecurity": {"sev": {}}},
        "spec.domain.launchSecurity",
        "SEV requires OVMF (UEFI)",
        {"domain.launchSecurity": {"sev": {}}, "domain.firmware.bootloader.efi": {"secureBoot": False}},
    ),
    (
        {"domain.launchSecurity": {"sev": {}}, **_EFI},
        "spec.domain.launchSecurity",
        "SEV does not work along with SecureBoot",
        {"domain.launchSecurity": {"sev": {}}, "domain.firmware.bootloader.efi": {"secureBoot": False}},
    ),
    (
        {"domain.features": {"hyperv": {}, "hypervPassthrough": {"enabled": True}}},
        "spec.domain.features.hyperv",
        "Cannot explicitly set hyperV features if HypervPassthrough is being used. Please use either HyperV or HypervPassthrough.",
        {"domain.features": {"hyperv": {}, "hypervPassthrough": {"enabled": False}}},
    ),
]


@pytest.mark.parametrize(("wrong", "field", "message", "near"), [*DISKS, *VOLUMES, *CLOUD_INIT, *BOOT])
def test_a_rule_refuses_its_case_and_lets_the_near_miss_pass(
    wrong: dict[str, object], field: str, message: str, near: dict[str, object]
) -> None:
    assert (field, message) in told(wrong)
    assert told(near) == []


_HOST_DISK = {"path": "/data/disk.img", "type": "DiskOrCreate", "capacity": "1Gi"}
_FIELD = f"{VOLUME}.hostDisk"


@pytest.mark.parametrize(
    ("source", "field", "message"),
    [
        ({"path": ""}, f"{_FIELD}.path", f"{_FIELD}.path is required for hostDisk volume"),
        *(
            (
                {"path": path},
                f"{_FIELD}.path",
                f"{_FIELD}.path '{path}' is not the absolute path of a file, such as /srv/disks/data.img",
            )
            for path in ("disk.img", "/disk.img", "/data/", "/data/../etc/shadow")
        ),
        (
            {"type": "File"},
            f"{_FIELD}.type",
            f"{_FIELD}.type has invalid value 'File', allowed are 'Disk' or 'DiskOrCreate'",
        ),
        (
            {"type": "Disk"},
            f"{_FIELD}.capacity",
            f"{_FIELD}.capacity is allowed to pass only with {_FIELD}.type equal to 'DiskOrCreate'",
        ),
    ],
)
def test_a_host_disk_is_judged_behind_its_gate(source: dict[str, object], field: str, message: str) -> None:
    on = Settings(gates=frozenset({"HostDisk"}))
    assert told(_volume("hostDisk", _HOST_DISK), on) == []
    assert told(_volume("hostDisk", {**_HOST_DISK, **source}), on) == [(field, message)]
    assert told(_volume("hostDisk", _HOST_DISK)) == [(VOLUME, "HostDisk feature gate is not enabled")]


def test_downward_metrics_need_their_gate_and_one_virtio_disk() -> None:
    on = Settings(gates=frozenset({"DownwardMetrics"}))
    refused = "downwardMetrics disks are not allowed: DownwardMetrics feature gate is not enabled."
    assert told(_volume("downwardMetrics", {})) == [(VOLUME, refused)]
    assert told(_volume("downwardMetrics", {}), on) == []
    two = {
        **_volume("downwardMetrics", {}),
        "volumes[+]": {"name": "b", "downwardMetrics": {}},
        "domain.devices.disks[+]": {"name": "b", "disk": {}},
    }
    assert told(two, on) == [("spec.volumes", "spec.volumes must have max one downwardMetric volume set")]
    on_sata = told({**_volume("downwardMetrics", {}), **_disk("disk.bus", "sata")}, on)
    message = f"DownwardMetrics volume must be mapped to virtio bus, but {DISK}.disk.bus is set to sata"
    assert on_sata == [(f"{DISK}.disk.bus", message)]


def test_an_empty_drive_needs_the_gate_that_is_on_by_default() -> None:
    empty = {"domain.devices.disks[+]": {"name": "drive", "cdrom": {"bus": "sata"}}}
    message = "DeclarativeHotplugVolumes feature gate not enabled, cannot define an empty CD-ROM disk"
    assert told(empty) == []
    off = Settings(disabled_gates=frozenset({"DeclarativeHotplugVolumes"}))
    assert told(empty, off) == [("spec.domain.devices.disks[1].cdrom", message)]
