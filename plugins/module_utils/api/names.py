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
MANAGED_BY = "app.kubernetes.io/managed-by"
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"

# finalizers
VMI_FINALIZER = "kubevirt.io/foregroundDeleteVirtualMachine"
VM_FINALIZER = "kubevirt.io/virtualMachineControllerFinalize"
MIGRATION_FINALIZER = "kubevirt.io/migrationJobFinalize"
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
LIBVIRT_DIRECTORY = "/var/run/libvirt"
LAUNCHER_UID = 107
TUN_DEVICE = "devices.kubevirt.io/tun"
