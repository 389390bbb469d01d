"""The strings that playvirt's API is made of: labels, annotations, finalizers, phases, condition types and reasons.

They are KubeVirt's where KubeVirt has one, so that clients find what they look for; what is playvirt's own begins with `playvirt.io/`.
"""

from __future__ import annotations

# labels and annotations
APP = "kubevirt.io"
LAUNCHER = "virt-launcher"
CREATED_BY = "kubevirt.io/created-by"
NODE_NAME = "kubevirt.io/nodeName"
DOMAIN = "kubevirt.io/domain"
SCHEDULABLE = "kubevirt.io/schedulable"
HEARTBEAT = "kubevirt.io/heartbeat"
VM_NAME = "vm.kubevirt.io/name"
VM_GENERATION = "kubevirt.io/vm-generation"
CPU_MODEL = "cpu-model.node.kubevirt.io/"
CPU_FEATURE = "cpu-feature.node.kubevirt.io/"
#: CPU models that are no model's name: they follow the node's CPU
CPU_HOST_MODES = ("host-model", "host-passthrough")
MANAGED_BY = "app.kubernetes.io/managed-by"
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
GRAPHICS = "playvirt.io/graphics"
#: values of GRAPHICS: how a guest's screen is shown
VNC, SPICE = "vnc", "spice"

# finalizers
VMI_FINALIZER = "kubevirt.io/foregroundDeleteVirtualMachine"
VM_FINALIZER = "kubevirt.io/virtualMachineControllerFinalize"
KUBEVIRT_FINALIZER = "foregroundDeleteKubeVirt"

# phases of a VirtualMachineInstance
PENDING = "Pending"
SCHEDULING = "Scheduling"
SCHEDULED = "Scheduled"
RUNNING = "Running"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
FINAL_PHASES = (SUCCEEDED, FAILED)

# condition types
READY = "Ready"
SYNCHRONIZED = "Synchronized"
POD_SCHEDULED = "PodScheduled"
FAILURE = "Failure"

# inside the launcher pod; the same paths in every pod
PRIVATE_DIRECTORY = "/var/run/kubevirt-private"
SHARE_DIRECTORY = "/var/run/kubevirt"
EPHEMERAL_DIRECTORY = "/var/run/kubevirt-ephemeral-disks"
CONTAINER_DISK_DIRECTORY = "/var/run/kubevirt/container-disks"
KERNEL_BOOT_DIRECTORY = "/var/run/kubevirt/container-disks/kernel-boot"
HUGEPAGES_DIRECTORY = "/dev/hugepages"
LIBVIRT_DIRECTORY = "/var/run/libvirt"
LAUNCHER_UID = 107
TUN_DEVICE = "devices.kubevirt.io/tun"
KVM_DEVICE = "devices.kubevirt.io/kvm"
