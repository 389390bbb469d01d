"""The type VirtualMachineInstanceReplicaSet: so many instances of a template, as a ReplicaSet keeps pods."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema, virtualmachineinstance
from ansible_collections.playvirt.core.plugins.module_utils.api.types import meta

SPEC = schema.obj(
    "How many instances of what.",
    {
        "replicas": schema.int32("How many; 1 unless said.", minimum=0),
        "selector": schema.described(meta.LABEL_SELECTOR, "Instances that count; the template's labels have to match."),
        "template": schema.described(virtualmachineinstance.TEMPLATE, "What each instance is made from."),
        "paused": schema.boolean("Whether nothing is created and deleted for now."),
    },
    required=("selector", "template"),
)

STATUS = schema.obj(
    "What is known of the instances.",
    {
        "replicas": schema.int32("How many there are that have not ended."),
        "readyReplicas": schema.int32("How many of them are ready."),
        "labelSelector": schema.string("The selector as one string, for autoscalers."),
        "conditions": schema.condition_list(),
    },
)
