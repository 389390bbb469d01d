"""Types that say where a launcher pod may run: affinity, tolerations, spread constraints. They are Kubernetes' own."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import meta

_WEIGHT = schema.int32("How much it counts, against the other preferences.", minimum=1, maximum=100)

_NODE_REQUIREMENT = schema.obj(
    "A requirement on a node.",
    {
        "key": schema.string("The node's label or field."),
        "operator": schema.enum("How it is compared.", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"),
        "values": schema.strings(
            "Values to compare with; one whole number for Gt and Lt, none for Exists and DoesNotExist."
        ),
    },
    required=("key", "operator"),
)

_NODE_TERM = {
    **schema.obj(
        "Nodes for which all of these requirements hold.",
        {
            "matchExpressions": schema.array("Requirements on the node's labels.", _NODE_REQUIREMENT),
            "matchFields": schema.array("Requirements on the node's fields.", _NODE_REQUIREMENT),
        },
    ),
    "x-kubernetes-map-type": "atomic",
}

_POD_TERM = schema.obj(
    "Pods, and how near to them means together.",
    {
        "labelSelector": schema.described(meta.LABEL_SELECTOR, "The pods; none without it."),
        "namespaceSelector": schema.described(meta.LABEL_SELECTOR, "Namespaces to look in, by their labels."),
        "namespaces": schema.strings("Namespaces to look in, by name; the own one if neither way names any."),
        "topologyKey": schema.string("Nodes with the same value of this label are one place."),
        "matchLabelKeys": schema.strings("Labels whose values have to be those of the incoming pod."),
        "mismatchLabelKeys": schema.strings("Labels whose values must differ from those of the incoming pod."),
    },
    required=("topologyKey",),
)

_WEIGHTED_POD_TERM = schema.obj(
    "A preference with its weight.",
    {"podAffinityTerm": _POD_TERM, "weight": _WEIGHT},
    required=("podAffinityTerm", "weight"),
)

AFFINITY = schema.obj(
    "Rules about nodes, and about pods nearby, for the choice of a node.",
    {
        "nodeAffinity": schema.obj(
            "Which nodes.",
            {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    **schema.obj(
                        "Nodes that are allowed: those of any of the terms.",
                        {"nodeSelectorTerms": schema.array("The terms; one of them has to hold.", _NODE_TERM)},
                        required=("nodeSelectorTerms",),
                    ),
                    "x-kubernetes-map-type": "atomic",
                },
                "preferredDuringSchedulingIgnoredDuringExecution": schema.array(
                    "Nodes that are better than others.",
                    schema.obj(
                        "A preference with its weight.",
                        {"preference": _NODE_TERM, "weight": _WEIGHT},
                        required=("preference", "weight"),
                    ),
                ),
            },
        ),
        "podAffinity": schema.obj(
            "Which pods to be near to.",
            {
                "requiredDuringSchedulingIgnoredDuringExecution": schema.array("Pods that must be near.", _POD_TERM),
                "preferredDuringSchedulingIgnoredDuringExecution": schema.array(
                    "Pods that should be near.", _WEIGHTED_POD_TERM
                ),
            },
        ),
        "podAntiAffinity": schema.obj(
            "Which pods to stay away from.",
            {
                "requiredDuringSchedulingIgnoredDuringExecution": schema.array(
                    "Pods that must not be near.", _POD_TERM
                ),
                "preferredDuringSchedulingIgnoredDuringExecution": schema.array(
                    "Pods that should not be near.", _WEIGHTED_POD_TERM
                ),
            },
        ),
    },
)

TOLERATION = schema.obj(
    "A taint that is accepted.",
    {
        "key": schema.string("The taint's key; any key without it, then operator has to be Exists."),
        "operator": schema.enum("Equal, unless said: the value has to match. Exists: any value.", "Exists", "Equal"),
        "value": schema.string("The taint's value, for Equal."),
        "effect": schema.enum("The taint's effect; any without it.", "NoSchedule", "PreferNoSchedule", "NoExecute"),
        "tolerationSeconds": schema.integer(
            "For NoExecute: seconds to stay once the taint is there; for ever without it."
        ),
    },
)

TOPOLOGY_SPREAD_CONSTRAINT = schema.obj(
    "How evenly pods are spread over places.",
    {
        "topologyKey": schema.string("Nodes with the same value of this label are one place."),
        "whenUnsatisfiable": schema.enum(
            "What happens where the spread cannot be kept.", "DoNotSchedule", "ScheduleAnyway"
        ),
        "maxSkew": schema.int32("By how many pods places may differ.", minimum=1),
        "minDomains": schema.int32(
            "Count as if there were at least so many places; only with DoNotSchedule.", minimum=1
        ),
        "labelSelector": schema.described(meta.LABEL_SELECTOR, "The pods that are counted."),
        "matchLabelKeys": schema.strings("Labels whose values have to be those of the incoming pod."),
        "nodeAffinityPolicy": schema.enum(
            "Whether only nodes that the pod's affinity and nodeSelector allow are counted; Honor unless said.",
            "Honor",
            "Ignore",
        ),
        "nodeTaintsPolicy": schema.enum(
            "Whether only nodes whose taints the pod tolerates are counted; Ignore unless said.", "Honor", "Ignore"
        ),
    },
    required=("maxSkew", "topologyKey", "whenUnsatisfiable"),
)
