"""Devices as a guest sees them: firmware, processor, memory, disks, random numbers, a TPM, inputs, a watchdog that barks.

In scope: what is in /sys, /proc and /dev of a guest that has many devices at once. Not in scope: each field's XML (golden files), and volumes (test_volumes).
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.playvirt.core.tests.e2e import cluster as clusters
from ansible_collections.playvirt.core.tests.e2e import guest as guests
from ansible_collections.playvirt.core.tests.e2e import machines, nodes
from ansible_collections.playvirt.core.tests.e2e import namespace as namespaces

NAME = "gadget"
WATCHDOG_SECONDS = 120
MIB = 1024
#: what the tiny guest's own boot loader says to its kernel
KERNEL_ARGS = "console=ttyS0,115200 quiet nokaslr mitigations=off cryptomgr.notests=1 noreplace-smp"
MODEL = "Nehalem"


def instance(*, memory: str = "128Mi", **devices: Any) -> machines.Object:
    """An instance of the tiny guest with more devices."""
    made = machines.instance(NAME, memory=memory)
    made["spec"]["domain"]["devices"] |= devices
    return made


def load(console: guests.Guest, *modules: str) -> None:
    """Load modules of the tiny guest that it does not load by itself."""
    for module in modules:
        console.run(f"insmod /lib/modules/{module}.ko")


def bark(console: guests.Guest) -> None:
    """Open the watchdog and never feed it: the shortest time that it has, and a close that does not stop it."""
    load(console, "watchdog")
    console.run("insmod /lib/modules/i6300esb.ko heartbeat=1 nowayout=1")
    console.run("echo > /dev/watchdog")


def with_uefi_and_everything() -> machines.Object:
    """A kernel out of an image under UEFI, two cores of a named model, two disks with serial numbers, and devices of every small kind."""
    made = instance(
        memory="256Mi",
        rng={},
        tpm={},
        inputs=[{"name": "pen", "type": "tablet", "bus": "virtio"}],
        watchdog={"name": "dog", "i6300esb": {"action": "poweroff"}},
    )
    domain = made["spec"]["domain"]
    container = {"image": machines.TINY_IMAGE, "kernelPath": "/boot/vmlinuz", "initrdPath": "/boot/initrd"}
    domain["firmware"] = {
        "bootloader": {"efi": {"secureBoot": False}},
        "kernelBoot": {"kernelArgs": KERNEL_ARGS, "container": container},
        "serial": "e2e-4711",
    }
    domain["cpu"] = {"sockets": 1, "cores": 2, "threads": 1, "model": MODEL}
    domain["chassis"] = {"asset": "shelf-7"}
    # The root disk of the tiny guest stays unused: its kernel and files come from the image.
    domain["devices"]["disks"], made["spec"]["volumes"] = [], []
    for name, capacity, serial in (("small", "1Mi", "serial-small"), ("large", "3Mi", "serial-large")):
        machines.with_disk(
            made, name, {"emptyDisk": {"capacity": capacity}}, target={"disk": {"bus": "virtio"}, "serial": serial}
        )
    machines.with_disk(made, "scsi", {"emptyDisk": {"capacity": "2Mi"}}, target={"disk": {"bus": "scsi"}})
    return made


def check_processor_and_memory(console: guests.Guest) -> None:
    shown = console.run("sed -n 's/^\\(model name\\|cpu cores\\|siblings\\)[^:]*: //p' /proc/cpuinfo")
    lines = shown.splitlines()
    assert len(lines) == 6
    assert all("Nehalem" in line for line in lines[::3])
    assert lines[1::3] == ["2", "2"]
    assert lines[2::3] == ["2", "2"]
    total = int(console.run("awk '/^MemTotal/ {print $2}' /proc/meminfo"))
    assert 180 * MIB < total <= 256 * MIB


def check_disks(console: guests.Guest) -> None:
    """Disks have the order of the spec, their serial numbers and their sizes in sectors."""
    for device, serial, sectors in (("vda", "serial-small", 2048), ("vdb", "serial-large", 3 * 2048)):
        assert console.run(f"cat /sys/block/{device}/serial") == serial
        assert console.run(f"cat /sys/block/{device}/size") == str(sectors)
    assert console.run("cat /sys/block/sda/size") == str(2 * 2048)


def check_small_devices(console: guests.Guest) -> None:
    assert console.run("cat /sys/class/misc/hw_random/rng_current") == "virtio_rng.0"
    assert console.run("head -c 16 /dev/hwrng | wc -c") == "16"
    assert console.run("cat /sys/class/tpm/tpm0/tpm_version_major") == "2"
    load(console, "virtio_input")
    assert "QEMU Virtio Tablet" in console.run("cat /proc/bus/input/devices")
    assert console.run("cat /sys/class/dmi/id/product_serial") == "e2e-4711"
    assert console.run("cat /sys/class/dmi/id/chassis_asset_tag") == "shelf-7"


def test_guest_with_many_devices(namespace: namespaces.Namespace) -> None:
    """Everything that the spec asks for is there inside; in the end the watchdog, which nobody feeds, turns the guest off, which is no good end."""
    namespace.apply(with_uefi_and_everything())
    namespace.wait_running(NAME)
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        assert console.run("cat /sys/firmware/efi/fw_platform_size") == "64"
        check_processor_and_memory(console)
        check_disks(console)
        check_small_devices(console)
        bark(console)
        namespace.wait_for("the watchdog", WATCHDOG_SECONDS, lambda: not nodes.qemus(namespace.name, NAME))
    namespace.wait_for("phase Failed", 60, lambda: namespace.phase(NAME) == "Failed")
    ended = clusters.condition(namespace.instance(NAME), "Synchronized")
    assert "the domain ended badly: crashed" in ended["message"]


@pytest.mark.full
def test_watchdog_that_resets(namespace: namespaces.Namespace) -> None:
    """With action reset the guest boots once more in the same QEMU, and the instance stays Running."""
    namespace.apply(instance(watchdog={"name": "dog", "i6300esb": {"action": "reset"}}))
    namespace.wait_running(NAME)
    before = nodes.qemus(namespace.name, NAME)
    with namespace.console(NAME) as console:
        console.log_in("root", "playvirt")
        bark(console)
        console.expect(f"{NAME} login: ", namespaces.BOOT_SECONDS)
    assert nodes.qemus(namespace.name, NAME) == before
    assert namespace.phase(NAME) == "Running"


def test_cpu_feature_that_no_node_has(namespace: namespaces.Namespace) -> None:
    """A feature that the node's QEMU cannot emulate keeps the guest Pending, in the scheduler's words, rather than being left out; without it, it runs."""
    made = instance()
    made["spec"]["domain"]["cpu"] = {"model": MODEL, "features": [{"name": "avx512f", "policy": "require"}]}
    namespace.apply(made)

    def told() -> str:
        return str(clusters.condition(namespace.instance(NAME), "Synchronized").get("message", ""))

    namespace.wait_for("the scheduler's words", 60, lambda: "didn't match Pod's node affinity/selector" in told())
    namespace.kubectl("delete", "virtualmachineinstance", NAME, "--wait=true", seconds=namespaces.END_SECONDS)
    made["spec"]["domain"]["cpu"] = {"model": MODEL}
    namespace.apply(made)
    namespace.wait_running(NAME)
