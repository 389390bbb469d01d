"""virt-handler: one privileged pod on every node.

In: settings. Out: its DaemonSet. It works in the process and network namespaces of launcher pods, makes devices available to them, and keeps the node's
directory that they see; see docs/architecture.md for why it is privileged.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import names
from ansible_collections.playvirt.core.plugins.module_utils.installation import pods, rbac
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings as settings_types

NAME = "virt-handler"
#: on the node and in every launcher pod; /run/playvirt is the same directory, so the runner's own socket is elsewhere
NODE_DIRECTORY = "/var/run/playvirt"
_SOCKET_DIRECTORY = "/run/playvirt-runner"
_PACKAGE = "ansible_collections.playvirt.core.images.virt_handler"
_SERVICES = ("launchers", "node")


def _devices(settings: settings_types.Settings) -> tuple[str, ...]:
    """The devices to offer. That a KVM is to be seen does not mean that it boots guests, so the installation decides."""
    return ("tun", "vhost-net") if settings.use_emulation else ("tun", "vhost-net", "kvm")


def _component(settings: settings_types.Settings) -> pods.Component:
    plugins = f"{settings.kubelet_root}/device-plugins"
    return pods.Component(
        name=NAME,
        hooks=("domain",),
        cpu="200m",
        arguments=[argument for name in _SERVICES for argument in ("--service", f"{_PACKAGE}.{name}:serve")],
        environment=(
            pods.variable("PLAYVIRT_RUNNER_SOCKET", f"{_SOCKET_DIRECTORY}/runner.sock"),
            pods.variable("PLAYVIRT_NODE_DIRECTORY", NODE_DIRECTORY),
            pods.variable("PLAYVIRT_KUBELET_ROOT", settings.kubelet_root),
            pods.variable("PLAYVIRT_DEVICES", ",".join(_devices(settings))),
        ),
        mounts=(
            {"name": "socket", "mountPath": _SOCKET_DIRECTORY},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "node-directory", "mountPath": NODE_DIRECTORY},
            {"name": "device-plugins", "mountPath": plugins},
            {"name": "seccomp", "mountPath": f"{settings.kubelet_root}/seccomp"},
        ),
    )


def _probe_container(settings: settings_types.Settings) -> dict[str, Any]:
    """Asks this node's QEMU once what it can do; the launchers of the node share the answer.

    It is root to write to the node's directory, and becomes the launcher's user to ask.
    """
    return {
        "name": "probe-capabilities",
        "image": settings.launcher_image,
        "imagePullPolicy": settings.pull_policy,
        "command": ["/usr/bin/virt-launcher", "probe-capabilities"],
        "args": ["--output", f"{NODE_DIRECTORY}/capabilities"],
        "resources": {"requests": {"cpu": "10m", "memory": "50Mi"}},
        "securityContext": {
            "runAsUser": 0,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["SETUID", "SETGID", "KILL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "node-directory", "mountPath": NODE_DIRECTORY},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def render_daemonset(settings: settings_types.Settings) -> dict[str, Any]:
    """The DaemonSet; it tolerates everything, since a guest can be on any node."""
    component = _component(settings)
    plugins = f"{settings.kubelet_root}/device-plugins"
    context = {"runAsUser": 0, "privileged": True, "readOnlyRootFilesystem": True}
    pod_spec = {
        "serviceAccountName": rbac.HANDLER,
        "priorityClassName": "system-node-critical",
        "terminationGracePeriodSeconds": 30,
        "hostPID": True,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "initContainers": [_probe_container(settings)],
        "containers": [pods.runner_container(component, settings, security_context=context)],
        "volumes": [
            {"name": "socket", "emptyDir": {"medium": "Memory"}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "node-directory", "hostPath": {"path": NODE_DIRECTORY, "type": "DirectoryOrCreate"}},
            {"name": "device-plugins", "hostPath": {"path": plugins, "type": "Directory"}},
            {"name": "seccomp", "hostPath": {"path": f"{settings.kubelet_root}/seccomp", "type": "DirectoryOrCreate"}},
            *pods.hook_volumes(component.hooks),
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": settings.namespace, "labels": pods.labels(NAME)},
        "spec": {
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
            "selector": {"matchLabels": {names.APP: NAME}},
            "template": pods.template(NAME, pod_spec),
        },
    }
