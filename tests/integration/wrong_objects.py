"""Objects that the API's schemas refuse, and near misses that they accept; called by test_api_types.py here and by the unit tests of schema_check.

Each refused one comes with what the API server says of it: field, type and message of each cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """An object, and the causes (field, type, message) for which it is refused; none where it is accepted."""

    name: str
    obj: Object
    causes: tuple[tuple[str, str, str], ...] = ()


def _object(kind: str, spec: Any, version: str = "kubevirt.io/v1") -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "case", "namespace": "default"}, "spec": spec}


def _vmi(*, domain: Object | None = None, devices: Object | None = None, **spec: Any) -> Object:
    return _object("VirtualMachineInstance", {"domain": {"devices": devices or {}, **(domain or {})}, **spec})


def _vm(template_metadata: Any = None, **spec: Any) -> Object:
    template: Object = {"spec": {"domain": {"devices": {}}}}
    if template_metadata is not None:
        template["metadata"] = template_metadata
    return _object("VirtualMachine", {"runStrategy": "Halted", "template": template, **spec})


def _type(field: str, expected: str, found: str) -> tuple[str, str, str]:
    return (
        field,
        "FieldValueTypeInvalid",
        f'Invalid value: "{found}": {field} in body must be of type {expected}: "{found}"',
    )


def _enum(field: str, value: str, *allowed: str) -> tuple[str, str, str]:
    told = ", ".join(f'"{one}"' for one in allowed)
    return field, "FieldValueNotSupported", f"Unsupported value: {value}: supported values: {told}"


def _bound(field: str, value: int, words: str) -> tuple[str, str, str]:
    return field, "FieldValueInvalid", f"Invalid value: {value}: {field} in body should be {words}"


def _pattern(field: str, value: str, pattern: str) -> tuple[str, str, str]:
    return field, "FieldValueInvalid", f"Invalid value: \"{value}\": {field} in body should match '{pattern}'"


def _required(field: str) -> tuple[str, str, str]:
    return field, "FieldValueRequired", "Required value"


def _rule(message: str) -> tuple[str, str, str]:
    return "spec", "FieldValueInvalid", f"Invalid value: {message}"


_SPREAD = {"topologyKey": "a", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
_QUANTITY = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$"
_CPUS = r"^\^?[0-9]+(-[0-9]+)?(,\^?[0-9]+(-[0-9]+)?)*$"
_DURATION = r"^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$"
_ONE_FORM = "exactly one of domain and template must be set: domain for a machine that runs once"
_NO_STRATEGY = "running and runStrategy need a template; a machine with spec.domain runs once"


def _keys_credential(*users: str) -> Object:
    method = {"qemuGuestAgent": {"users": list(users)}}
    return {"sshPublicKey": {"source": {"secret": {"secretName": "keys"}}, "propagationMethod": method}}


def _limiter(qps: Any) -> Object:
    bucket = {"tokenBucketRateLimiter": {"qps": qps, "burst": 1}}
    return _object("KubeVirt", {"configuration": {"apiConfiguration": {"restClient": {"rateLimiter": bucket}}}})


def _interval(text: str) -> Object:
    return _object("KubeVirt", {"workloadUpdateStrategy": {"batchEvictionInterval": text}})


REFUSED = (
    Case("number for text", _vmi(hostname=7), (_type("spec.hostname", "string", "integer"),)),
    Case(
        "text for a number",
        _vmi(terminationGracePeriodSeconds="30"),
        (_type("spec.terminationGracePeriodSeconds", "integer", "string"),),
    ),
    Case(
        "fraction for a whole number",
        _vmi(terminationGracePeriodSeconds=1.5),
        (_type("spec.terminationGracePeriodSeconds", "integer", "number"),),
    ),
    Case(
        "more than 64 bits",
        _vmi(terminationGracePeriodSeconds=2**63),
        (_type("spec.terminationGracePeriodSeconds", "integer", "number"),),
    ),
    Case(
        "text for a switch",
        _vmi(devices={"blockMultiQueue": "yes"}),
        (_type("spec.domain.devices.blockMultiQueue", "boolean", "string"),),
    ),
    Case("object for a list", _vmi(volumes={}), (_type("spec.volumes", "array", "object"),)),
    Case("list for an object", _vmi(domain={"cpu": []}), (_type("spec.domain.cpu", "object", "array"),)),
    Case("text for an object", _vmi(domain={"cpu": "x"}), (_type("spec.domain.cpu", "object", "string"),)),
    Case("null in a list", _vmi(volumes=[None]), (_type("spec.volumes[0]", "object", "null"),)),
    Case("number for a label", _vmi(nodeSelector={"a": 1}), (_type("spec.nodeSelector.a", "string", "integer"),)),
    Case(
        "text for a rate",
        _limiter("x"),
        (
            _type(
                "spec.configuration.apiConfiguration.restClient.rateLimiter.tokenBucketRateLimiter.qps",
                "number",
                "string",
            ),
        ),
    ),
    Case(
        "fraction for a quantity",
        _vmi(domain={"memory": {"guest": 1.5}}),
        (_type("spec.domain.memory.guest", "integer,string", "number"),),
    ),
    Case(
        "list for a quantity",
        _vmi(domain={"resources": {"requests": {"cpu": []}}}),
        (_type("spec.domain.resources.requests.cpu", "integer,string", "array"),),
    ),
    Case(
        "list for a port",
        _vmi(readinessProbe={"tcpSocket": {"port": []}}),
        (_type("spec.readinessProbe.tcpSocket.port", "integer,string", "array"),),
    ),
    Case("no spec", {**_vmi(), "spec": None}, (_required("spec"),)),
    Case("no domain", _object("VirtualMachineInstance", {}), (_required("spec.domain"),)),
    Case("no domain but null", _object("VirtualMachineInstance", {"domain": None}), (_required("spec.domain"),)),
    Case("no template", _object("VirtualMachine", {"running": True}), (_required("spec.template"),)),
    Case(
        "nothing of a replica set",
        _object("VirtualMachineInstanceReplicaSet", {"replicas": 1}),
        (_required("spec.selector"), _required("spec.template")),
    ),
    Case("preset without selector", _object("VirtualMachineInstancePreset", {}), (_required("spec.selector"),)),
    Case(
        "policy without selectors",
        _object("MigrationPolicy", {}, "migrations.kubevirt.io/v1alpha1"),
        (_required("spec.selectors"),),
    ),
    Case(
        "volume without name and size",
        _vmi(volumes=[{"emptyDisk": {}}]),
        (_required("spec.volumes[0].name"), _required("spec.volumes[0].emptyDisk.capacity")),
    ),
    Case(
        "value out of a set",
        _vmi(domain={"rebootPolicy": "Never"}),
        (_enum("spec.domain.rebootPolicy", '"Never"', "Reboot", "Terminate"),),
    ),
    Case(
        "number out of a set",
        _vmi(domain={"rebootPolicy": 7}),
        (
            _type("spec.domain.rebootPolicy", "string", "integer"),
            _enum("spec.domain.rebootPolicy", "7", "Reboot", "Terminate"),
        ),
    ),
    Case(
        "value out of a set in a list",
        _vm(dataVolumeTemplates=[{"spec": {"pvc": {"accessModes": ["ReadWriteOnce", "Mine"]}}}]),
        (
            _enum(
                "spec.dataVolumeTemplates[0].spec.pvc.accessModes[1]",
                '"Mine"',
                "ReadWriteOnce",
                "ReadOnlyMany",
                "ReadWriteMany",
                "ReadWriteOncePod",
            ),
        ),
    ),
    Case(
        "priority that there is not",
        _object("VirtualMachineInstanceMigration", {"vmiName": "a", "priority": "mine"}),
        (_enum("spec.priority", '"mine"', "system-critical", "user-triggered", "system-maintenance"),),
    ),
    Case(
        "too few cores",
        _vmi(domain={"cpu": {"cores": 0}}),
        (_bound("spec.domain.cpu.cores", 0, "greater than or equal to 1"),),
    ),
    Case(
        "too many cores",
        _vmi(domain={"cpu": {"cores": 513}}),
        (_bound("spec.domain.cpu.cores", 513, "less than or equal to 512"),),
    ),
    Case(
        "weight above 100",
        _vmi(
            affinity={
                "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"preference": {}, "weight": 101}]}
            }
        ),
        (
            _bound(
                "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight",
                101,
                "less than or equal to 100",
            ),
        ),
    ),
    Case(
        "no set of CPUs",
        _vmi(domain={"cpu": {"realtime": {"mask": "0-3,x"}}}),
        (_pattern("spec.domain.cpu.realtime.mask", "0-3,x", _CPUS),),
    ),
    Case(
        "no quantity",
        _vmi(domain={"memory": {"guest": "1 GiB"}}),
        (_pattern("spec.domain.memory.guest", "1 GiB", _QUANTITY),),
    ),
    Case(
        "no length of time",
        _interval("1 minute"),
        (_pattern("spec.workloadUpdateStrategy.batchEvictionInterval", "1 minute", _DURATION),),
    ),
    Case(
        "no UUID",
        _vmi(domain={"firmware": {"uuid": "x"}}),
        (
            (
                "spec.domain.firmware.uuid",
                "FieldValueTypeInvalid",
                'Invalid value: "x": spec.domain.firmware.uuid in body must be of type uuid: "x"',
            ),
        ),
    ),
    Case(
        "no time",
        _vm({"creationTimestamp": "yesterday"}),
        (_type("spec.template.metadata.creationTimestamp", "date-time", "yesterday"),),
    ),
    Case(
        "13 characters",
        _vmi(domain={"features": {"hyperv": {"vendorid": {"vendorid": "x" * 13}}}}),
        (
            (
                "spec.domain.features.hyperv.vendorid.vendorid",
                "FieldValueTooLong",
                "Too long: may not be more than 12 bytes",
            ),
        ),
    ),
    Case(
        "257 volumes",
        _vmi(volumes=[{"name": f"v{number}"} for number in range(257)]),
        (("spec.volumes", "FieldValueTooMany", "Too many: 257: must have at most 256 items"),),
    ),
    Case(
        "two of a name",
        _vmi(utilityVolumes=[{"name": "a", "claimName": "b"}, {"name": "a", "claimName": "c"}]),
        (("spec.utilityVolumes[1]", "FieldValueDuplicate", 'Duplicate value: {"name":"a"}'),),
    ),
    Case(
        "two of two keys",
        _vmi(topologySpreadConstraints=[_SPREAD, _SPREAD]),
        (
            (
                "spec.topologySpreadConstraints[1]",
                "FieldValueDuplicate",
                'Duplicate value: {"topologyKey":"a","whenUnsatisfiable":"ScheduleAnyway"}',
            ),
        ),
    ),
    Case(
        "twice in a set",
        _vmi(accessCredentials=[_keys_credential("a", "b", "a")]),
        (
            (
                "spec.accessCredentials[0].sshPublicKey.propagationMethod.qemuGuestAgent.users[2]",
                "FieldValueDuplicate",
                'Duplicate value: "a"',
            ),
        ),
    ),
    Case(
        "several at once",
        _vmi(hostname=7, volumes=7, domain={"cpu": {"cores": 0}}, tolerations=[{"operator": "X"}, 7]),
        (
            _type("spec.hostname", "string", "integer"),
            _type("spec.volumes", "array", "integer"),
            _bound("spec.domain.cpu.cores", 0, "greater than or equal to 1"),
            _enum("spec.tolerations[0].operator", '"X"', "Exists", "Equal"),
            _type("spec.tolerations[1]", "object", "integer"),
        ),
    ),
    Case(
        "oldest form without anything",
        _object("VirtualMachine", {"running": True}, "kubevirt.io/v1alpha1"),
        (_rule(_ONE_FORM), _rule(_NO_STRATEGY)),
    ),
    Case(
        "oldest form that runs once and not",
        _object("VirtualMachine", {"running": True, "domain": {"devices": {}}}, "kubevirt.io/v1alpha1"),
        (_rule(_NO_STRATEGY),),
    ),
)

#: objects with fields that are in no schema -> the fields, as strict decoding names them
UNKNOWN = (
    (
        _vmi(domain={"cpu": {"coers": 1}}, volumes=[{"name": "x", "foo": 1}], bar={"a": 1}),
        "spec.bar spec.domain.cpu.coers spec.volumes[0].foo",
    ),
    (_vm(template={"spec": {"domain": {"devices": {}}}, "sepc": {}}), "spec.template.sepc"),
    ({**_vmi(), "stauts": {}}, "stauts"),
    ({**_vmi(), "metadata": {"name": "case", "namespace": "default", "lables": {}}}, "metadata.lables"),
    (
        _object(
            "VirtualMachine",
            {"domain": {"devices": {}}, "volumes": [{"name": "x", "containerDisk": {"image": "i"}}]},
            "kubevirt.io/v1alpha1",
        ),
        "spec.volumes[0].containerDisk",
    ),
    (_vmi(volumes=[{"name": "x", "registryDisk": {"image": "i"}}]), "spec.volumes[0].registryDisk"),
)

ACCEPTED = (
    Case("the least", _vmi()),
    Case("whole number with a point", _vmi(terminationGracePeriodSeconds=2.0)),
    Case("nulls", _vmi(hostname=None, volumes=None, nodeSelector={"a": None})),
    Case("whole number for a quantity", _vmi(domain={"memory": {"guest": 134217728}})),
    Case(
        "quantities", _vmi(domain={"resources": {"requests": {"cpu": "500m", "memory": "1e9"}, "limits": {"cpu": 1}}})
    ),
    Case("port by name", _vmi(readinessProbe={"tcpSocket": {"port": "http"}})),
    Case("most cores", _vmi(domain={"cpu": {"cores": 512, "sockets": 1}})),
    Case("value in a set", _vmi(domain={"rebootPolicy": "Terminate"})),
    Case("set of CPUs", _vmi(domain={"cpu": {"realtime": {"mask": "0-3,^1"}}})),
    Case("length of time", _interval("1h30m0.5s")),
    Case("whole number for a rate", _limiter(7)),
    Case("UUID", _vmi(domain={"firmware": {"uuid": "5d307ca9-b3ef-428c-8861-06e72d69f223"}})),
    Case("time", _vm({"creationTimestamp": "2026-11-22T16:31:54Z"})),
    Case("no time yet", _vm({"creationTimestamp": None, "labels": {"a": "b"}})),
    Case("no metadata", {**_vm(), "spec": {"template": {"metadata": None, "spec": {"domain": {"devices": {}}}}}}),
    Case("unknown metadata of a template", _vm({"clusterName": "x"})),
    Case("12 characters", _vmi(domain={"features": {"hyperv": {"vendorid": {"vendorid": "x" * 12}}}})),
    Case("256 volumes", _vmi(volumes=[{"name": f"v{number}"} for number in range(256)])),
    Case(
        "two of a name, which is for admission to say",
        _vmi(volumes=[{"name": "a", "emptyDisk": {"capacity": "1Gi"}}, {"name": "a", "emptyDisk": {"capacity": 1}}]),
    ),
    Case(
        "one key equal",
        _vmi(topologySpreadConstraints=[_SPREAD, {**_SPREAD, "whenUnsatisfiable": "DoNotSchedule"}]),
    ),
    Case("a set", _vmi(accessCredentials=[_keys_credential("a", "b")])),
    Case("v1alpha3", {**_vmi(), "apiVersion": "kubevirt.io/v1alpha3"}),
    Case("migration", _object("VirtualMachineInstanceMigration", {"vmiName": "a", "priority": "user-triggered"})),
    Case("preset", _object("VirtualMachineInstancePreset", {"selector": {}, "domain": {"devices": {}}})),
    Case(
        "replica set",
        _object(
            "VirtualMachineInstanceReplicaSet",
            {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"domain": {"devices": {}}}}},
        ),
    ),
)
