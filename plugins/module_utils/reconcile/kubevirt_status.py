"""The status of a KubeVirt: phase, versions and KubeVirt's conditions Available, Progressing and Degraded.

In: the KubeVirt and what should be said. Out: a new status. Called by its planner.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import conditions, metadata, names
from ansible_collections.playvirt.core.plugins.module_utils.installation import settings as settings_types

Status = dict[str, Any]

DEPLOYING, DEPLOYED, DELETING = "Deploying", "Deployed", "Deleting"
CREATED, AVAILABLE, PROGRESSING, DEGRADED = "Created", "Available", "Progressing", "Degraded"


def with_conditions(status: Mapping[str, Any], told: Mapping[str, tuple[bool, str, str]], *, now: str) -> Status:
    """The status with these conditions: type -> (holds, reason, message)."""
    listed = list(status.get("conditions") or [])
    for kind, (holds, reason, message) in told.items():
        condition = {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}
        listed = conditions.put(listed, condition, now=now)
    return {**status, "conditions": listed}


def _begin(kubevirt: Mapping[str, Any], settings: settings_types.Settings, operator_version: str) -> Status:
    return {
        **(kubevirt.get("status") or {}),
        "observedGeneration": metadata.meta(kubevirt).get("generation", 1),
        "operatorVersion": operator_version,
        "targetKubeVirtRegistry": settings.registry,
        "targetKubeVirtVersion": settings.tag,
    }


def is_at(status: Mapping[str, Any], settings: settings_types.Settings) -> bool:
    """Whether these images were deployed completely at some time."""
    found = (status.get("observedKubeVirtRegistry"), status.get("observedKubeVirtVersion"))
    return found == (settings.registry, settings.tag)


def deploying(
    kubevirt: Mapping[str, Any], settings: settings_types.Settings, *, operator_version: str, problem: str, now: str
) -> Status:
    """The status while something is missing: of a first deployment, of an update, or of an installation that was complete."""
    status = _begin(kubevirt, settings, operator_version)
    if is_at(status, settings):
        return with_conditions(
            {**status, "phase": DEPLOYED},
            {
                AVAILABLE: (False, "ComponentsNotReady", problem),
                PROGRESSING: (True, "ComponentsNotReady", problem),
                DEGRADED: (True, "ComponentsNotReady", problem),
            },
            now=now,
        )
    updating = bool(status.get("observedKubeVirtVersion"))
    reason = "UpdateInProgress" if updating else "DeploymentInProgress"
    message = f"Deploying version {settings.tag} with registry {settings.registry}: {problem}"
    if updating:
        previous = f"{status['observedKubeVirtVersion']} with registry {status.get('observedKubeVirtRegistry')}"
        message = (
            f"Transitioning from version {previous} to {settings.tag} with registry {settings.registry}: {problem}"
        )
    return with_conditions(
        {**status, "phase": DEPLOYING},
        {
            AVAILABLE: (False, reason, message),
            PROGRESSING: (True, reason, message),
            DEGRADED: (updating, reason, message),
        },
        now=now,
    )


def deployed(
    kubevirt: Mapping[str, Any], settings: settings_types.Settings, *, operator_version: str, now: str
) -> Status:
    """The status while everything works at the version wanted."""
    status = {
        **_begin(kubevirt, settings, operator_version),
        "phase": DEPLOYED,
        "observedKubeVirtRegistry": settings.registry,
        "observedKubeVirtVersion": settings.tag,
    }
    status = {**status, "conditions": conditions.remove(status.get("conditions"), names.SYNCHRONIZED)}
    ready = "All components are ready."
    return with_conditions(
        status,
        {
            CREATED: (True, "AllResourcesCreated", "All resources were created."),
            AVAILABLE: (True, "AllComponentsReady", ready),
            PROGRESSING: (False, "AllComponentsReady", ready),
            DEGRADED: (False, "AllComponentsReady", ready),
        },
        now=now,
    )


def deleting(kubevirt: Mapping[str, Any], *, now: str) -> Status:
    """The status while the installation is being removed."""
    told = (False, "DeletionInProgress", "Deletion was triggered")
    return with_conditions(
        {**(kubevirt.get("status") or {}), "phase": DELETING},
        {AVAILABLE: told, PROGRESSING: told, DEGRADED: (True, *told[1:])},
        now=now,
    )


def not_synchronized(kubevirt: Mapping[str, Any], reason: str, message: str, *, now: str) -> Status:
    """The status with condition Synchronized=False: the object is not acted upon, and why."""
    return with_conditions(kubevirt.get("status") or {}, {names.SYNCHRONIZED: (False, reason, message)}, now=now)
