"""The type VirtualMachine: the schema of its spec and status."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema, virtualmachineinstance

RUN_STRATEGIES = ("Always", "Halted")


def spec() -> schema.Schema:
    """spec of a VirtualMachine."""
    metadata = schema.obj(
        "Metadata of the instance.",
        {
            "labels": schema.mapping("Labels of the instance and its pod.", schema.string("A label's value.")),
            "annotations": schema.mapping("Annotations of the instance and its pod.", schema.string("A value.")),
        },
    )
    return {
        **schema.obj(
            "What the machine is and whether it should run.",
            {
                "runStrategy": schema.enum(
                    "Always: it runs, and is started again when it ends. Halted: it is off.", *RUN_STRATEGIES
                ),
                "running": schema.boolean("Deprecated: true is runStrategy Always, false is Halted."),
                "template": schema.obj(
                    "The instance to run.",
                    {"metadata": metadata, "spec": virtualmachineinstance.spec()},
                    required=("spec",),
                ),
            },
            required=("template",),
        ),
        "x-kubernetes-validations": [
            {
                "rule": "has(self.running) != has(self.runStrategy)",
                "message": "exactly one of runStrategy and running must be set; running is deprecated, please use runStrategy",
            }
        ],
    }


def status() -> schema.Schema:
    """status of a VirtualMachine."""
    return schema.obj(
        "What is known of the machine.",
        {
            "created": schema.boolean("Whether its instance exists."),
            "ready": schema.boolean("Whether its instance is ready."),
            "printableStatus": schema.string("Its state in one word for people.", default="Stopped"),
            "runStrategy": schema.string("The strategy last acted on."),
            "conditions": schema.condition_list(),
            "observedGeneration": schema.integer("The generation that the running instance was made from."),
            "desiredGeneration": schema.integer("The generation last seen."),
            "startFailure": schema.obj(
                "Starts that failed one after the other.",
                {
                    "consecutiveFailCount": schema.integer("How many."),
                    "lastFailedVMIUID": schema.string("The uid of the last."),
                    "retryAfterTimestamp": schema.time("When the next is tried."),
                },
            ),
        },
    )
