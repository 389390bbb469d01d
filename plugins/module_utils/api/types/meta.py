"""Types of Kubernetes' own metadata, where this API embeds them: ObjectMeta of a template, selectors, references."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema

_OWNER = schema.obj(
    "An object that this one goes with.",
    {
        "apiVersion": schema.string("Group and version of the owner."),
        "kind": schema.string("The owner's kind."),
        "name": schema.string("What the owner is called."),
        "uid": schema.string("The owner's unique id."),
        "controller": schema.boolean("Whether this owner manages the object."),
        "blockOwnerDeletion": schema.boolean("Whether the owner has to wait for this object in a foreground deletion."),
    },
    required=("apiVersion", "kind", "name", "uid"),
)

_MANAGED_FIELDS = schema.obj(
    "Who set which fields.",
    {
        "manager": schema.string("Name of the program or person."),
        "operation": schema.enum("How they were set.", "Apply", "Update"),
        "apiVersion": schema.string("Version in which the fields are named."),
        "time": schema.time("When the entry last changed."),
        "fieldsType": schema.string("Format of the set; FieldsV1 is the only one."),
        "fieldsV1": {
            **schema.obj("The fields, as a tree of their names."),
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "subresource": schema.string("Subresource through which they were set, if any."),
    },
)

#: metadata of a template: labels and annotations are given to what is made from it
OBJECT_META = {
    **schema.obj(
        "Metadata of what is made from the template.",
        {
            "labels": schema.strings_by_name("Labels that it gets."),
            "annotations": schema.strings_by_name("Annotations that it gets."),
            "name": schema.string("Its name, where the maker does not choose one."),
            "generateName": schema.string("Beginning of a name that the API server completes."),
            "namespace": schema.string("The namespace it is in."),
            "uid": schema.string("Unique id, set by the API server."),
            "resourceVersion": schema.string("Internal version, set by the API server."),
            "generation": schema.integer("Counts the changes of spec; set by the API server."),
            "creationTimestamp": schema.time("When it was created; set by the API server."),
            "deletionTimestamp": schema.time("When its deletion was asked for; set by the API server."),
            "deletionGracePeriodSeconds": schema.integer("Seconds left to it from that moment on."),
            "finalizers": schema.strings("What has to happen before it is gone.", unique=True),
            "ownerReferences": schema.array("Objects that it goes with.", _OWNER, key="uid"),
            "managedFields": schema.array("Who set which fields; kept by the API server.", _MANAGED_FIELDS),
            "selfLink": schema.string("Deprecated: not filled any more."),
        },
    ),
    "nullable": True,
    "x-kubernetes-preserve-unknown-fields": True,
}

LABEL_SELECTOR = {
    **schema.obj(
        "Chooses objects by their labels; all of its requirements have to hold.",
        {
            "matchLabels": schema.strings_by_name("Labels that must be there with exactly these values."),
            "matchExpressions": schema.array(
                "Requirements on single labels.",
                schema.obj(
                    "One requirement.",
                    {
                        "key": schema.string("The label."),
                        "operator": schema.enum("How it is compared.", "In", "NotIn", "Exists", "DoesNotExist"),
                        "values": schema.strings("Values to compare with; none for Exists and DoesNotExist."),
                    },
                    required=("key", "operator"),
                ),
            ),
        },
    ),
    "x-kubernetes-map-type": "atomic",
}

LOCAL_REFERENCE = {
    **schema.obj("An object in the same namespace.", {"name": schema.string("What it is called.")}),
    "x-kubernetes-map-type": "atomic",
}

TYPED_LOCAL_REFERENCE = {
    **schema.obj(
        "An object of some kind in the same namespace.",
        {
            "apiGroup": schema.string("Group of the kind; empty for the core group."),
            "kind": schema.string("The object's kind."),
            "name": schema.string("What it is called."),
        },
        required=("kind", "name"),
    ),
    "x-kubernetes-map-type": "atomic",
}

TYPED_REFERENCE = schema.obj(
    "An object of some kind.",
    {
        "apiGroup": schema.string("Group of the kind; empty for the core group."),
        "kind": schema.string("The object's kind."),
        "name": schema.string("What it is called."),
        "namespace": schema.string("Where it is, unless in the same namespace; needs a ReferenceGrant there."),
    },
    required=("kind", "name"),
)

PULL_POLICY_VALUES = ("Always", "IfNotPresent", "Never")
