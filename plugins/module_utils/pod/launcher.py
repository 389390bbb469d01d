"""The launcher pod of a VirtualMachineInstance.

In: the VMI, and the installation's launcher image. Out: the Pod's manifest. Called by the planner of VirtualMachineInstance; a person can print it with
`--check --diff`. It knows nothing of libvirt: what runs inside is the domain room's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import fencing, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.pod import (
    machine,
    networks,
    probes,
    resources,
    scheduling,
    volumes,
)

#: added to the guest's own grace period before the kubelet kills the pod
POD_GRACE_MARGIN_SECONDS = 30
DEFAULT_GRACE_SECONDS = 30
RUNTIME_DEFAULT = {"type": "RuntimeDefault"}


@dataclass(frozen=True)
class Installation:
    """What the pod takes from the installation: the launcher's image, how it is pulled, whether guests are emulated, how resources are reckoned."""

    launcher_image: str
    pull_policy: str = "IfNotPresent"
    emulation: bool = False
    sizing: resources.Sizing = field(default_factory=resources.Sizing)


def grace_seconds(vmi: Mapping[str, Any]) -> int:
    """Seconds that the guest has to shut down."""
    return int(vmi["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS))


def _security_context(seccomp: Mapping[str, str] = RUNTIME_DEFAULT) -> dict[str, Any]:
    return {
        "runAsUser": names.LAUNCHER_UID,
        "runAsGroup": names.LAUNCHER_UID,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": dict(seccomp),
    }


def _compute(vmi: Mapping[str, Any], installation: Installation) -> dict[str, Any]:
    meta, devices = metadata.meta(vmi), volumes.disk_devices(vmi)
    return {
        "name": "compute",
        "image": installation.launcher_image,
        "imagePullPolicy": installation.pull_policy,
        "command": ["/usr/bin/virt-launcher", "run"],
        "args": [
            "--namespace",
            meta["namespace"],
            "--name",
            meta["name"],
            "--uid",
            meta["uid"],
            "--grace-period-seconds",
            str(grace_seconds(vmi)),
            "--fence-seconds",
            str(fencing.FENCE_SECONDS),
        ],
        "resources": resources.compute(vmi["spec"], installation.sizing, emulation=installation.emulation),
        "securityContext": _security_context(networks.seccomp_profile(vmi) or RUNTIME_DEFAULT),
        **probes.render(vmi),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*volumes.working_mounts(), *volumes.disk_mounts(vmi), *machine.mounts(vmi["spec"])],
        **({"volumeDevices": devices} if devices else {}),
    }


def _console_log(vmi: Mapping[str, Any], installation: Installation) -> dict[str, Any]:
    return {
        "name": "guest-console-log",
        "image": installation.launcher_image,
        "imagePullPolicy": installation.pull_policy,
        "command": ["/usr/bin/virt-launcher", "console-log"],
        "args": ["--uid", metadata.meta(vmi)["uid"]],
        "resources": resources.console_log(vmi["spec"]),
        "securityContext": _security_context(),
        "volumeMounts": [{**volumes.PRIVATE_MOUNT, "readOnly": True}],
    }


def _annotations(vmi: Mapping[str, Any]) -> dict[str, str]:
    own = {
        key: value
        for key, value in (metadata.meta(vmi).get("annotations") or {}).items()
        if not key.startswith("kubectl.kubernetes.io/")
    }
    return {
        **own,
        **networks.multus_annotations(vmi),
        names.DOMAIN: metadata.meta(vmi)["name"],
        names.DEFAULT_CONTAINER: "compute",
    }


def render_launcher_pod(vmi: Mapping[str, Any], installation: Installation) -> dict[str, Any]:
    """The Pod in which the VMI runs.

    It runs as user 107 without capabilities on a read-only root filesystem; the only device it asks for is a tun device, which the node's device plugin
    hands out together with the node's directory of virt-handler.
    """
    meta, spec = metadata.meta(vmi), vmi["spec"]
    devices = spec["domain"].get("devices", {})
    console_log = devices.get("autoattachSerialConsole", True) and devices.get("logSerialConsole", True)
    pod_spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": grace_seconds(vmi) + POD_GRACE_MARGIN_SECONDS,
        "hostname": spec.get("hostname") or meta["name"].split(".")[0][:63].rstrip("-"),
        "readinessGates": [{"conditionType": names.UNPAUSED}],
        **scheduling.render(spec, machine.node_labels(spec, emulation=installation.emulation)),
        "securityContext": {
            "runAsUser": names.LAUNCHER_UID,
            "runAsGroup": names.LAUNCHER_UID,
            "fsGroup": names.LAUNCHER_UID,
            "runAsNonRoot": True,
            "seccompProfile": dict(RUNTIME_DEFAULT),
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        },
        "containers": [
            _compute(vmi, installation),
            *([_console_log(vmi, installation)] if console_log else []),
        ],
        "volumes": [*volumes.working_volumes(), *volumes.disk_volumes(vmi), *machine.pod_volumes(spec)],
    }
    if secrets := dict.fromkeys([*volumes.pull_secrets(spec), *machine.pull_secrets(spec)]):
        pod_spec["imagePullSecrets"] = [{"name": secret} for secret in secrets]
    if account := volumes.service_account(spec):
        pod_spec["serviceAccountName"] = account
    pod_spec |= networks.dns(spec)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": metadata.launcher_pod_name(vmi),
            "namespace": meta["namespace"],
            "labels": {
                **(meta.get("labels") or {}),
                names.APP: names.LAUNCHER,
                names.CREATED_BY: meta["uid"],
                names.VM_NAME: pod_spec["hostname"],
            },
            "annotations": _annotations(vmi),
            "ownerReferences": [metadata.controller_reference(vmi)],
        },
        "spec": pod_spec,
    }
