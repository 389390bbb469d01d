"""The rules for names, resources, memory, CPUs and machine: each refuses with its field and message, and lets its near miss pass."""

from __future__ import annotations

import pytest

from .cases import GONE, Case, Settings, told

REQUEST, LIMIT = "spec.domain.resources.requests", "spec.domain.resources.limits"
GUEST, PAGES = "spec.domain.memory.guest", "spec.domain.memory.hugepages.pageSize"
DEDICATED = "spec.domain.cpu.dedicatedCpuPlacement"
NUMA = "spec.domain.cpu.numa.guestMappingPassthrough"
WRONG_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
    " (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric"
    r" character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)

NAMES: list[Case] = [
    (
        {"hostname": "Web_1"},
        "spec.hostname",
        f"spec.hostname does not conform to the kubernetes DNS_LABEL rules : {LABEL}",
        {"hostname": "web-1"},
    ),
    (
        {"hostname": "a" * 64},
        "spec.hostname",
        "spec.hostname does not conform to the kubernetes DNS_LABEL rules : must be no more than 63 characters",
        {"hostname": "a" * 63},
    ),
    (
        {"subdomain": "a..b"},
        "spec.subdomain",
        f"spec.subdomain does not conform to the kubernetes DNS_SUBDOMAIN rules : {SUBDOMAIN}",
        {"subdomain": "a.b"},
    ),
]

AMOUNTS: list[Case] = [
    *(
        (
            {f"domain.resources.{kind}.{name}": "-1"},
            f"spec.domain.resources.{kind}.{name}",
            f"spec.domain.resources.{kind}.{name} '-1': must be greater than or equal to 0.",
            {f"domain.resources.{kind}.{name}": "0"},
        )
        for kind in ("requests", "limits")
        for name in ("cpu", "memory")
    ),
    (
        {"domain.resources.requests.memory": "999k"},
        f"{REQUEST}.memory",
        f"{REQUEST}.memory '999k': must be greater than or equal to 1M.",
        {"domain.resources.requests.memory": "1M"},
    ),
    (
        {"domain.memory.guest": "999k"},
        GUEST,
        f"{GUEST} '999k': must be greater than or equal to 1M.",
        {"domain.memory.guest": "1000k"},
    ),
    (
        {"domain.resources.requests.memory": "2Gi", "domain.resources.limits.memory": "1Gi"},
        f"{REQUEST}.memory",
        f"{REQUEST}.memory '2Gi' is greater than {LIMIT}.memory '1Gi'",
        {"domain.resources.requests.memory": "1024Mi", "domain.resources.limits.memory": "1Gi"},
    ),
    (
        {"domain.resources.requests.cpu": "1500m", "domain.resources.limits.cpu": "1"},
        f"{REQUEST}.cpu",
        f"{REQUEST}.cpu '1500m' is greater than {LIMIT}.cpu '1'",
        {"domain.resources.requests.cpu": "1000m", "domain.resources.limits.cpu": "1"},
    ),
    (
        {"domain.memory.hugepages.pageSize": "2Mb"},
        PAGES,
        f"{PAGES} '2Mb': {WRONG_QUANTITY}",
        {"domain.memory.hugepages.pageSize": "2Mi"},
    ),
    (
        {"domain.memory.hugepages.pageSize": "1Gi", "domain.resources.requests.memory": "512Mi"},
        f"{REQUEST}.memory",
        f"{REQUEST}.memory '512Mi' must be equal to or larger than page size {PAGES} '1Gi'",
        {"domain.memory.hugepages.pageSize": "1Gi", "domain.resources.requests.memory": "1Gi"},
    ),
    (
        {"domain.memory.hugepages.pageSize": "2Mi", "domain.resources.requests.memory": "65Mi"},
        f"{REQUEST}.memory",
        f"{REQUEST}.memory '65Mi' is not a multiple of the page size {PAGES} '2Mi'",
        {"domain.memory.hugepages.pageSize": "2Mi", "domain.resources.requests.memory": "66Mi"},
    ),
    (
        {"domain.memory.hugepages.pageSize": "2Mi", "domain.memory.guest": "65Mi"},
        GUEST,
        f"{GUEST} '65Mi' is not a multiple of the page size {PAGES} '2Mi'",
        {"domain.memory.hugepages.pageSize": "2Mi", "domain.memory.guest": "64Mi"},
    ),
    (
        {"domain.memory.guest": "2Gi", "domain.resources.limits.memory": "1Gi"},
        GUEST,
        f"{GUEST} '2Gi' must be equal to or less than the memory limit {LIMIT}.memory '1Gi'",
        {"domain.memory.guest": "1Gi", "domain.resources.limits.memory": "1Gi"},
    ),
    (
        {"domain.memory": GONE},
        GUEST,
        f"no memory requested, at least one of '{GUEST}', '{PAGES}' or '{REQUEST}.memory' must be set",
        {"domain.memory": GONE, "domain.resources.requests.memory": "64M"},
    ),
]

_ONE = {"domain.cpu.dedicatedCpuPlacement": True}
_TWO = {**_ONE, "domain.cpu.cores": 2}
CPUS: list[Case] = [
    (
        {**_ONE, "domain.memory": GONE},
        DEDICATED,
        f"{REQUEST}.memory, {LIMIT}.memory, {GUEST} or spec.domain.memory.hugepages should be provided",
        _ONE,
    ),
    (
        {**_ONE, "domain.cpu.cores": 2, "domain.resources.requests.cpu": "1500m"},
        DEDICATED,
        "provided resources CPU requests must be an interger",
        {**_TWO, "domain.resources.requests.cpu": "2000m"},
    ),
    (
        {**_TWO, "domain.resources.limits.cpu": "1500m"},
        DEDICATED,
        "provided resources CPU limits must be an interger",
        {**_TWO, "domain.resources.limits.cpu": "2"},
    ),
    (
        {**_ONE, "domain.resources.requests.memory": "64Mi", "domain.resources.limits.memory": "128Mi"},
        DEDICATED,
        f"{REQUEST}.memory must be equal to {LIMIT}.memory",
        {**_ONE, "domain.resources.requests.memory": "128Mi", "domain.resources.limits.memory": "131072Ki"},
    ),
    (
        {"domain.cpu": {"dedicatedCpuPlacement": True}},
        DEDICATED,
        f"either {REQUEST}.cpu or {LIMIT}.cpu or spec.domain.cpu.cores must be provided when DedicatedCPUPlacement is true",
        {"domain.cpu": {"dedicatedCpuPlacement": True}, "domain.resources.limits.cpu": "1"},
    ),
    (
        {**_TWO, "domain.resources.requests.cpu": "1", "domain.resources.limits.cpu": "2"},
        DEDICATED,
        f"{REQUEST}.cpu or {LIMIT}.cpu must be equal when DedicatedCPUPlacement is true",
        {**_TWO, "domain.resources.requests.cpu": "2", "domain.resources.limits.cpu": "2"},
    ),
    (
        {**_TWO, "domain.resources.limits.cpu": "4"},
        DEDICATED,
        f"{REQUEST}.cpu or {LIMIT}.cpu must not be provided at the same time with spec.domain.cpu.cores when"
        " DedicatedCPUPlacement is true",
        {**_TWO, "domain.resources.limits.cpu": "2"},
    ),
    (
        {**_ONE, "domain.cpu.threads": 3},
        "spec.domain.cpu.threads",
        "Not more than two threads must be provided at spec.domain.cpu.threads (got 3) when DedicatedCPUPlacement is true",
        {**_ONE, "domain.cpu.threads": 2},
    ),
    (
        {"domain.cpu.numa.guestMappingPassthrough": {}, "domain.memory.hugepages.pageSize": "2Mi"},
        NUMA,
        f"{DEDICATED} must be set to true when NUMA topology strategy is set in {NUMA}",
        {"domain.cpu.numa.guestMappingPassthrough": {}, "domain.memory.hugepages.pageSize": "2Mi", **_ONE},
    ),
    (
        {"domain.cpu.numa.guestMappingPassthrough": {}, **_ONE},
        NUMA,
        f"spec.domain.memory.hugepages must be requested when NUMA topology strategy is set in {NUMA}",
        {"domain.cpu.numa": {}, **_ONE},
    ),
    (
        {"domain.cpu.realtime": {}, "domain.memory.hugepages.pageSize": "2Mi"},
        DEDICATED,
        f"{DEDICATED} must be set to true when spec.domain.cpu.realtime is used",
        {
            "domain.cpu.realtime": {},
            "domain.memory.hugepages.pageSize": "2Mi",
            "domain.cpu.numa.guestMappingPassthrough": {},
            **_ONE,
        },
    ),
    (
        {"domain.cpu.isolateEmulatorThread": True},
        "spec.domain.cpu.isolateEmulatorThread",
        "IsolateEmulatorThread should be only set in combination with DedicatedCPUPlacement",
        {"domain.cpu.isolateEmulatorThread": True, **_ONE},
    ),
    (
        {"domain.cpu.features": [{"name": "vmx", "policy": "always"}]},
        "spec.domain.cpu.features[0].policy",
        "CPU feature vmx uses policy always that is not supported.",
        {"domain.cpu.features": [{"name": "vmx", "policy": "require"}, {"name": "svm"}]},
    ),
    (
        {"domain.cpu.sockets": 3, "domain.cpu.maxSockets": 2},
        "spec.domain.cpu.maxSockets",
        "Number of sockets in CPU topology is greater than the maximum sockets allowed",
        {"domain.cpu.sockets": 2, "domain.cpu.maxSockets": 2},
    ),
]

MACHINE: list[Case] = [
    (
        {"domain.machine.type": "pc-i440fx-2.12"},
        "spec.domain.machine.type",
        "spec.domain.machine.type is not supported: pc-i440fx-2.12 (allowed values: [q35* pc-q35*])",
        {"domain.machine.type": "pc-q35-10.0"},
    ),
    (
        {"domain.ioThreadsPolicy": "many"},
        "spec.domain.ioThreadsPolicy",
        "Invalid IOThreadsPolicy (many)",
        {"domain.ioThreadsPolicy": "auto"},
    ),
    (
        {"domain.ioThreadsPolicy": "supplementalPool", "domain.ioThreads.supplementalPoolThreadCount": 0},
        "spec.domain.ioThreads",
        "the number of iothreads needs to be set and positive for the dedicated policy",
        {"domain.ioThreadsPolicy": "supplementalPool", "domain.ioThreads.supplementalPoolThreadCount": 1},
    ),
    (
        {"architecture": "riscv64", "domain.machine": GONE},
        "spec.architecture",
        "unsupported architecture: riscv64",
        {"architecture": "s390x", "domain.machine": GONE},
    ),
    (
        {"domain.devices.watchdog": {"name": "dog", "diag288": {}}},
        "spec.domain.devices.watchdog",
        "amd64 only supports I6300ESB watchdog device",
        {"domain.devices.watchdog": {"name": "dog", "i6300esb": {"action": "reset"}}},
    ),
    (
        {"domain.devices.video.type": "cga"},
        "spec.domain.devices.video.type",
        "video model 'cga' is not supported on amd64 architecture",
        {"domain.devices.video.type": "bochs"},
    ),
]

_ARM = {"architecture": "arm64", "domain.machine.type": "virt"}
ARM64: list[Case] = [
    (
        {**_ARM, "domain.firmware.bootloader.bios": {}},
        "spec.domain.firmware.bootloader.bios",
        "Arm64 does not support bios boot, please change to uefi boot",
        {**_ARM, "domain.firmware.bootloader.efi": {"secureBoot": False}},
    ),
    (
        {**_ARM, "domain.cpu.model": "host-model"},
        "spec.domain.cpu.model",
        "currently, host-passthrough is the only model supported on Arm64",
        {**_ARM, "domain.cpu.model": "host-passthrough"},
    ),
    (
        {**_ARM, "domain.devices.disks[0].disk.bus": "sata"},
        "spec.domain.devices.disks[0].disk.bus",
        "Arm64 not support this disk bus type, please use virtio or scsi",
        {**_ARM, "domain.devices.disks[0].disk.bus": "scsi"},
    ),
    (
        {**_ARM, "domain.devices.watchdog": {"name": "dog", "i6300esb": {}}},
        "spec.domain.devices.watchdog",
        "Arm64 not support Watchdog device",
        _ARM,
    ),
    (
        {**_ARM, "domain.devices.sound": {"name": "card"}},
        "spec.domain.devices.sound",
        "Arm64 not support sound device",
        _ARM,
    ),
]


@pytest.mark.parametrize(("wrong", "field", "message", "near"), [*NAMES, *AMOUNTS, *CPUS, *MACHINE, *ARM64])
def test_a_rule_refuses_its_case_and_lets_the_near_miss_pass(
    wrong: dict[str, object], field: str, message: str, near: dict[str, object]
) -> None:
    assert (field, message) in told(wrong)
    assert told(near) == []


def test_a_guest_may_be_larger_than_its_limit_where_running_guests_are_updated() -> None:
    fields = {"domain.memory.guest": "2Gi", "domain.resources.limits.memory": "1Gi"}
    assert told(fields, Settings(live_update=True)) == []


def test_causes_are_told_together() -> None:
    found = told({"hostname": "A", "domain.memory.guest": "1k", "architecture": "vax", "domain.machine": GONE})
    assert [field for field, _ in found] == ["spec.hostname", GUEST, "spec.architecture"]


@pytest.mark.parametrize("amount", ["1e999999999", "-1e999999999", "1e-999999999", "9" * 400])
def test_an_enormous_amount_is_judged_at_once(amount: str) -> None:
    fields = {"domain.memory.guest": amount, "domain.memory.hugepages.pageSize": amount}
    assert isinstance(told({**fields, "domain.resources.limits.memory": "1Gi"}), list)
