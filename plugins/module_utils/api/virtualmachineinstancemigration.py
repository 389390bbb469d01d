"""The type VirtualMachineInstanceMigration: one live migration of one instance."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import migration

_ID = schema.string("Id that both sides of the migration carry.")

SPEC = schema.obj(
    "Which instance is to move.",
    {
        "vmiName": schema.string("The instance, in the same namespace."),
        "addedNodeSelector": schema.strings_by_name(
            "Labels that the target node must have, beside those the instance asks for."
        ),
        "priority": schema.enum("Whose turn comes first.", "system-critical", "user-triggered", "system-maintenance"),
        "sendTo": schema.obj(
            "Send the instance to another cluster.",
            {"migrationID": _ID, "connectURL": schema.string("Where the other cluster's side is reached.")},
            required=("connectURL", "migrationID"),
        ),
        "receive": schema.obj(
            "Receive the instance from another cluster.", {"migrationID": _ID}, required=("migrationID",)
        ),
    },
)

STATUS = schema.obj(
    "How far it is.",
    {
        "phase": schema.enum(
            "Where it is on its way.",
            "Pending",
            "Scheduling",
            "Scheduled",
            "PreparingTarget",
            "TargetReady",
            "Running",
            "Succeeded",
            "Failed",
            "WaitingForSync",
            "Synchronizing",
        ),
        "phaseTransitionTimestamps": schema.array(
            "When each phase began.",
            schema.obj(
                "One phase.",
                {
                    "phase": schema.string("Which one."),
                    "phaseTransitionTimestamp": schema.time("When it began."),
                },
            ),
        ),
        "conditions": schema.condition_list(),
        "migrationState": migration.STATE,
        "synchronizationAddresses": schema.strings("Where the other cluster's side reaches this one."),
    },
)
