"""The rules for devices, networks, probes, credentials, DNS, life cycle, placement and labels: refused with field and message, near misses pass."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.admission import instance, request
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import emulation

from .cases import GONE, Case, Settings, told, vmi

DEVICES, NIC = "spec.domain.devices", "spec.domain.devices.interfaces[0]"


def _nic(name: str, value: object) -> dict[str, object]:
    return {f"domain.devices.interfaces[0].{name}": value}


def _bound(binding: str, value: object = None) -> dict[str, object]:
    return {"domain.devices.interfaces[0]": {"name": "default", binding: value or {}}}


_MULTUS = {"networks[0]": {"name": "default", "multus": {"networkName": "net"}}, **_bound("bridge")}
_SECOND = {
    "networks[+]": {"name": "second", "multus": {"networkName": "net"}},
    "domain.devices.interfaces[+]": {"name": "second", "bridge": {}},
}

PLAIN_DEVICES: list[Case] = [
    (
        {"domain.devices.inputs": [{"name": "pen", "type": "tablet", "bus": "ps2"}]},
        f"{DEVICES}.inputs[0].bus",
        "Input device can have only virtio or usb bus.",
        {"domain.devices.inputs": [{"name": "pen", "type": "tablet", "bus": "usb"}]},
    ),
    (
        {"domain.devices.inputs": [{"name": "pen", "type": "mouse"}]},
        f"{DEVICES}.inputs[0].type",
        "Input device can have only tablet type.",
        {"domain.devices.inputs": [{"name": "pen", "type": "tablet"}]},
    ),
    (
        {
            "domain.devices.gpus": [
                {"name": name, "deviceName": "gpu", "virtualGPUOptions": {"display": {"enabled": True}}}
                for name in "ab"
            ]
        },
        f"{DEVICES}.gpus",
        "configuring multiple displays with ramfb is not valid",
        {
            "domain.devices.gpus": [
                {"name": "a", "virtualGPUOptions": {"display": {}}},
                {"name": "b", "virtualGPUOptions": {"display": {"ramFB": {"enabled": False}}}},
            ]
        },
    ),
    (
        {"domain.devices.hostDevices": [{"name": "card", "deviceName": "x/y"}]},
        f"{DEVICES}.hostDevices",
        "Host Devices feature gate is not enabled in kubevirt-config",
        {"domain.devices.hostDevices": []},
    ),
    (
        {"domain.devices.sound": {"name": "card", "model": "sb16"}},
        f"{DEVICES}.sound.model",
        "Sound device type is not supported. Options: 'ich9' or 'ac97'",
        {"domain.devices.sound": {"name": "card", "model": "ac97"}},
    ),
    (
        {"domain.devices.sound": {}},
        f"{DEVICES}.sound.name",
        "Sound device requires a name field.",
        {"domain.devices.sound": {"name": "card"}},
    ),
    (
        {"domain.devices.autoattachVSOCK": True},
        f"{DEVICES}.autoattachVSOCK",
        "VSOCK feature gate is not enabled in kubevirt-config",
        {"domain.devices.autoattachVSOCK": False},
    ),
    (
        {"domain.devices.downwardMetrics": {}},
        f"{DEVICES}.downwardMetrics",
        "downwardMetrics virtio serial is not allowed: DownwardMetrics feature gate is not enabled",
        {},
    ),
    (
        {"domain.devices.video.type": "vga", "domain.devices.autoattachGraphicsDevice": False},
        f"{DEVICES}.video",
        "Video configuration is not allowed when autoattachGraphicsDevice is set to false",
        {"domain.devices.video.type": "vga"},
    ),
    (
        {"domain.devices.panicDevices": [{"model": "s390"}]},
        f"{DEVICES}.panicDevices[0].model",
        "invalid PanicDeviceModel(s390)",
        {"domain.devices.panicDevices": [{"model": "isa"}]},
    ),
]

NETWORKS: list[Case] = [
    (
        {"networks[+]": {"name": "b", "pod": {}}, "domain.devices.interfaces[+]": {"name": "b", "masquerade": {}}},
        "spec.networks",
        f"more than one interface is connected to a pod network in {DEVICES}.interfaces",
        _SECOND,
    ),
    (
        {**_MULTUS, **_SECOND, "networks[0].multus.default": True, "networks[1].multus.default": True},
        "spec.networks",
        "Multus CNI should only have one default network",
        {**_MULTUS, **_SECOND, "networks[0].multus.default": True},
    ),
    (
        {**_SECOND, "networks[1].multus.default": True},
        "spec.networks",
        "Pod network cannot be defined when Multus default network is defined",
        _SECOND,
    ),
    ({**_SECOND, "networks[1].multus": GONE}, "spec.networks[1]", "should have a network type", _SECOND),
    ({"networks[0].multus": {"networkName": "n"}}, "spec.networks[0]", "should have only one network type", {}),
    (
        {**_MULTUS, "networks[0].multus.networkName": ""},
        "spec.networks[0]",
        "CNI delegating plugin must have a networkName",
        _MULTUS,
    ),
    (
        {**_SECOND, "networks[1].name": "default"},
        "spec.networks[1].name",
        'Network with name "default" already exists, every network must have a unique name',
        _SECOND,
    ),
    (
        {**_SECOND, "domain.devices.interfaces[1].name": "default"},
        f"{DEVICES}.interfaces[1].name",
        "Only one interface can be connected to one specific network",
        _SECOND,
    ),
    ({"networks[0].name": "lost"}, "spec.networks[0].name", "spec.networks[0].name 'lost' not found.", {}),
    ({"networks[0].name": "lost"}, f"{NIC}.name", f"{NIC}.name 'default' not found.", {}),
]

INTERFACES: list[Case] = [
    (
        {"domain.devices.interfaces[0].masquerade": GONE},
        NIC,
        "logical default interface must have exactly one binding method or binding plugin",
        {},
    ),
    (
        _nic("bridge", {}),
        NIC,
        "logical default interface must have exactly one binding method or binding plugin",
        _bound("bridge"),
    ),
    (
        {**_MULTUS, **_bound("masquerade")},
        f"{NIC}.masquerade",
        "Masquerade interface only implemented with pod network",
        _MULTUS,
    ),
    (
        _nic("macAddress", "02-00-00-00-00-00"),
        f"{NIC}.macAddress",
        "The requested MAC address is reserved for the in-pod bridge. Please choose another one.",
        _nic("macAddress", "02-00-00-00-00-01"),
    ),
    (
        {**_MULTUS, **_bound("passtBinding")},
        f"{NIC}.passtBinding",
        "PasstBinding interface only implemented with pod network",
        _bound("passtBinding"),
    ),
    (
        _bound("slirp"),
        f"{NIC}.slirp",
        "Slirp interface support has been discontinued since v1.3",
        _bound("bridge"),
    ),
    (
        _bound("macvtap"),
        f"{NIC}.macvtap",
        "Macvtap interface support has been discontinued since v1.3",
        _bound("bridge"),
    ),
    (
        _bound("passt"),
        f"{NIC}.passt",
        "Passt network binding has been discontinued since v1.3",
        _bound("passtBinding"),
    ),
    (
        {"networks[0].name": "a.b", "domain.devices.interfaces[0].name": "a.b"},
        f"{NIC}.name",
        "Network interface name can only contain alphabetical characters, numbers, dashes (-) or underscores (_)",
        {"networks[0].name": "a_B-1", "domain.devices.interfaces[0].name": "a_B-1"},
    ),
    (
        _nic("model", "tulip"),
        f"{NIC}.model",
        f"interface {NIC}.name uses model tulip that is not supported.",
        _nic("model", "ne2k_pci"),
    ),
    (
        _nic("macAddress", "de:ad"),
        f"{NIC}.macAddress",
        f"interface {NIC}.name has malformed MAC address (de:ad).",
        _nic("macAddress", "de:ad:00:00:be:af"),
    ),
    (
        _nic("macAddress", "de:ad:00:00:be:af:00:00"),
        f"{NIC}.macAddress",
        f"interface {NIC}.name has MAC address (de:ad:00:00:be:af:00:00) that is too long.",
        _nic("macAddress", "de:ad:00:00:be:af"),
    ),
    (
        _nic("pciAddress", "81:01.0"),
        f"{NIC}.pciAddress",
        f"interface {NIC}.name has malformed PCI address (81:01.0).",
        _nic("pciAddress", "0000:81:01.0"),
    ),
    (
        _nic("ports", [{"name": "web", "port": 80}, {"name": "web", "port": 81}]),
        f"{NIC}.ports[1].name",
        "Duplicate name of the port: web",
        _nic("ports", [{"name": "web", "port": 80}, {"port": 80, "protocol": "UDP"}]),
    ),
    (
        _nic("ports", [{"name": "80", "port": 80}]),
        f"{NIC}.ports[0].name",
        "Invalid name of the port: 80",
        _nic("ports", [{"name": "p80", "port": 80}]),
    ),
    (
        _nic("ports", [{"name": "web"}]),
        f"{NIC}.ports[0]",
        "Port field is mandatory.",
        _nic("ports", [{"name": "web", "port": 1}]),
    ),
    (
        _nic("ports", [{"port": 65536}]),
        f"{NIC}.ports[0].port",
        "Port field must be in range 0 < x < 65536.",
        _nic("ports", [{"port": 65535}]),
    ),
    (
        _nic("ports", [{"port": 80, "protocol": "SCTP"}]),
        f"{NIC}.ports[0].protocol",
        "Unknown protocol, only TCP or UDP allowed",
        _nic("ports", [{"port": 80, "protocol": "UDP"}]),
    ),
    (
        _nic("dhcpOptions.privateOptions", [{"option": 240, "value": "a"}, {"option": 240, "value": "b"}]),
        f"{NIC}.dhcpOptions",
        "Found Duplicates: you have provided duplicate DHCPPrivateOptions",
        _nic("dhcpOptions.privateOptions", [{"option": 240, "value": "a"}, {"option": 241, "value": "b"}]),
    ),
    (
        _nic("dhcpOptions.privateOptions", [{"option": 255, "value": "a"}]),
        f"{NIC}.dhcpOptions",
        "provided DHCPPrivateOptions are out of range, must be in range 224 to 254",
        _nic("dhcpOptions.privateOptions", [{"option": 254, "value": "a"}, {"option": 224, "value": "b"}]),
    ),
    (
        _nic("dhcpOptions.ntpServers", ["::1"]),
        f"{NIC}.dhcpOptions.ntpServers",
        "NTP servers must be a list of valid IPv4 addresses.",
        _nic("dhcpOptions.ntpServers", ["127.0.0.1"]),
    ),
    (
        _nic("state", "sideways"),
        f"{NIC}.state",
        "logical default interface state value is unsupported: sideways",
        _nic("state", "down"),
    ),
    (
        {**_MULTUS, **_bound("sriov"), **_nic("state", "down")},
        f"{NIC}.state",
        '"default" interface\'s state "down" is not supported for SR-IOV NICs',
        {**_MULTUS, **_bound("sriov")},
    ),
    (
        _nic("state", "absent"),
        f"{NIC}.state",
        '"default" interface\'s state "absent" is supported only for bridge binding',
        {**_MULTUS, **_nic("state", "absent")},
    ),
    (
        {**_bound("bridge"), **_nic("state", "absent")},
        f"{NIC}.state",
        '"default" interface\'s state "absent" is not supported on default networks',
        {**_MULTUS, **_nic("state", "absent")},
    ),
]


def _probe(**handlers: object) -> dict[str, object]:
    return {"readinessProbe": handlers}


_SSH = {"source": {"secret": {"secretName": "s"}}, "propagationMethod": {"noCloud": {}}}
_CLOUD = {"volumes[0]": {"name": "root", "cloudInitNoCloud": {"userData": "#"}}}
_DRIVE = {"volumes[0]": {"name": "root", "cloudInitConfigDrive": {"userData": "#"}}}
_AGENT = {"source": {"secret": {"secretName": "s"}}, "propagationMethod": {"qemuGuestAgent": {"users": ["u"]}}}
_KEY = "spec.accessCredentials[0]"


def _key(kind: str = "sshPublicKey", **parts: object) -> dict[str, object]:
    return {"accessCredentials": [{kind: {**_SSH, **parts}}], **_CLOUD}


_WAYS = "spec.accessCredentials[0].sshPublicKey.propagationMethod"
GUEST: list[Case] = [
    (
        _probe(exec={"command": ["true"]}, guestAgentPing={}),
        "spec.readinessProbe",
        "spec.readinessProbe must have exactly one probe type set",
        _probe(guestAgentPing={}),
    ),
    (
        _probe(periodSeconds=3),
        "spec.readinessProbe",
        "either spec.readinessProbe.tcpSocket, spec.readinessProbe.exec or spec.readinessProbe.httpGet must be set if a"
        " spec.readinessProbe is specified",
        _probe(tcpSocket={"port": 22}),
    ),
    (
        {**_MULTUS, "livenessProbe": {"httpGet": {"port": 80}}},
        "spec.livenessProbe.httpGet",
        "spec.livenessProbe.httpGet is only allowed if the Pod Network is attached",
        {**_MULTUS, "livenessProbe": {"exec": {"command": ["true"]}}},
    ),
    (
        {"accessCredentials": [{}]},
        _KEY,
        f"{_KEY} must have exactly one access credential type set",
        _key(),
    ),
    (
        _key(source={}),
        f"{_KEY}.sshPublicKey.source",
        f"{_KEY} must have exactly one source set",
        _key(),
    ),
    (_key(propagationMethod={}), _WAYS, f"{_KEY} must have exactly one propagationMethod set", _key()),
    (
        {"accessCredentials": [{"sshPublicKey": _SSH}]},
        _WAYS,
        f"{_KEY} requires a noCloud volume to exist when the noCloud propagationMethod is in use.",
        _key(),
    ),
    (
        _key(propagationMethod={"configDrive": {}}),
        _WAYS,
        f"{_KEY} requires a configDrive volume to exist when the configDrive propagationMethod is in use.",
        {**_key(propagationMethod={"configDrive": {}}), **_DRIVE},
    ),
    (
        _key(propagationMethod={"qemuGuestAgent": {"users": []}}),
        f"{_WAYS}.qemuGuestAgent.users",
        f"{_KEY} requires at least one user to be present in the users list",
        {"accessCredentials": [{"sshPublicKey": _AGENT}]},
    ),
]

_SERVERS = {"dnsPolicy": "None", "dnsConfig.nameservers": ["10.0.0.10"]}
POD: list[Case] = [
    (
        {"startStrategy": "Later"},
        "spec.startStrategy",
        "spec.startStrategy is set with an unrecognized option: Later",
        {"startStrategy": "Paused"},
    ),
    (
        {"startStrategy": "Paused", "livenessProbe": {"tcpSocket": {"port": 22}}},
        "spec.startStrategy",
        "either spec.startStrategy or spec.livenessProbe should be provided.Pausing VMI with LivenessProbe is not supported",
        {"startStrategy": "Paused", "readinessProbe": {"tcpSocket": {"port": 22}}},
    ),
    (
        {"evictionStrategy": "Kill"},
        "spec.evictionStrategy",
        "spec.evictionStrategy is set with an unrecognized option: Kill",
        {"evictionStrategy": "LiveMigrateIfPossible"},
    ),
    (
        {"dnsPolicy": "None"},
        "spec.dnsConfig",
        "must provide `dnsConfig` when `dnsPolicy` is None",
        _SERVERS,
    ),
    (
        {"dnsPolicy": "None", "dnsConfig": {}},
        "spec.dnsConfig.nameservers",
        "must provide at least one DNS nameserver when `dnsPolicy` is None",
        _SERVERS,
    ),
    (
        {"dnsConfig.nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"]},
        "spec.dnsConfig.nameservers",
        "must not have more than 3 nameservers: [1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4]",
        {"dnsConfig.nameservers": ["1.1.1.1", "1.1.1.2", "fd00::1"]},
    ),
    (
        {"dnsConfig.nameservers": ["resolver"]},
        "spec.dnsConfig.nameservers",
        "must be valid IP address: resolver",
        {"dnsConfig.nameservers": ["10.0.0.10"]},
    ),
    (
        {"dnsConfig.searches": list("abcdefg")},
        "spec.dnsConfig.searches",
        "must not have more than 6 search paths",
        {"dnsConfig.searches": list("abcdef")},
    ),
    (
        {"dnsConfig.searches": ["a" * 63 + "." + "b" * 63 + "." + "c" * 63, "d" * 63, "e"]},
        "spec.dnsConfig.searches",
        "must not have more than 256 characters (including spaces) in the search list",
        {"dnsConfig.searches": ["a" * 63 + "." + "b" * 63 + "." + "c" * 63, "d" * 60]},
    ),
    (
        {"dnsConfig.options": [{"value": "2"}]},
        "spec.dnsConfig.options",
        "Option.Name must not be empty",
        {"dnsConfig.options": [{"name": "ndots", "value": "2"}]},
    ),
    (
        {"dnsPolicy": "Maybe"},
        "spec.dnsPolicy",
        "DNSPolicy: Maybe is not supported, valid values: [ClusterFirstWithHostNet ClusterFirst Default None ]",
        {"dnsPolicy": "ClusterFirst"},
    ),
]

_NODE = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
_POD = "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution"
_SOFT = "affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution"
_SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}


def _expression(operator: str, *values: str) -> dict[str, object]:
    return {_NODE: [{"matchExpressions": [{"key": "zone", "operator": operator, "values": list(values)}]}]}


PLACEMENT: list[Case] = [
    (
        {_NODE: []},
        f"spec.{_NODE}",
        f"spec.{_NODE}: Required value: must have at least one node selector term",
        _expression("In", "a"),
    ),
    (
        _expression("In"),
        f"spec.{_NODE}[0].matchExpressions[0].values",
        f"spec.{_NODE}[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        _expression("In", "a"),
    ),
    (
        _expression("Exists", "a"),
        f"spec.{_NODE}[0].matchExpressions[0].values",
        f"spec.{_NODE}[0].matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or"
        " 'DoesNotExist'",
        _expression("Exists"),
    ),
    (
        {_POD: [{"labelSelector": {}}]},
        f"spec.{_POD}[0].topologyKey",
        f"spec.{_POD}[0].topologyKey: Required value: can not be empty",
        {_POD: [{"labelSelector": {}, "topologyKey": "zone"}]},
    ),
    (
        {_SOFT: [{"weight": 101, "podAffinityTerm": {"topologyKey": "zone"}}]},
        f"spec.{_SOFT}[0].weight",
        f"spec.{_SOFT}[0].weight: Invalid value: 101: must be in the range 1-100",
        {_SOFT: [{"weight": 100, "podAffinityTerm": {"topologyKey": "zone"}}]},
    ),
    (
        {"topologySpreadConstraints": [{**_SPREAD, "maxSkew": 0}]},
        "spec.topologySpreadConstraints[0].maxSkew",
        "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        {"topologySpreadConstraints": [_SPREAD]},
    ),
]


_EMULATED = [
    ("domain.cpu.model", "host-passthrough", "host-model", "use host-model, a model by name, or leave it out"),
    ("domain.cpu.features[+].policy", "force", "require", "use require, optional or disable"),
    ("domain.features.hyperv.relaxed.enabled", True, False, "leave it out"),
    ("domain.features.hypervPassthrough.enabled", True, False, "leave it out"),
    ("domain.features.kvm.hidden", True, False, "leave it out"),
    ("domain.features.pvspinlock.enabled", True, False, "leave it out"),
    ("domain.features.apic.endOfInterrupt", True, False, "leave it out"),
    ("domain.clock.timer.kvm.present", True, False, "leave the timer out"),
    ("domain.clock.timer.hyperv.present", True, False, "leave the timer out"),
    ("domain.clock.timer.pit.tickPolicy", "discard", "delay", "use delay"),
    ("domain.devices.panicDevices[+].model", "hyperv", "isa", "use isa or pvpanic"),
]


def test_every_field_that_needs_kvm_has_a_case() -> None:
    cases = ["spec." + path.replace("[+]", "[]") for path, *_rest in _EMULATED]
    assert all(any(case.startswith(field) for case in cases) for field in emulation.NEEDS_KVM)
    assert all(any(case.startswith(field) for field in emulation.NEEDS_KVM) for case in cases)


@pytest.mark.parametrize(("path", "wrong", "near", "instead"), _EMULATED)
def test_what_needs_kvm_is_refused_where_guests_are_emulated(
    path: str, wrong: object, near: object, instead: str
) -> None:
    emulated, field = Settings(use_emulation=True), "spec." + path.replace("[+]", "[0]")
    value = str(wrong).lower() if isinstance(wrong, bool) else wrong
    why = "needs KVM, and this installation emulates its guests (developerConfiguration.useEmulation of its KubeVirt)"
    set_up = {"domain.cpu.features": [], "domain.devices.panicDevices": []}
    assert told({**set_up, path: wrong}, emulated) == [(field, f"{field} '{value}' {why}; {instead}")]
    assert told({**set_up, path: near}, emulated) == []
    assert told({**set_up, path: wrong}) == []


@pytest.mark.parametrize(
    ("shown", "fields", "words"),
    [
        ("rdp", {}, "is not known; use vnc or spice"),
        (
            "spice",
            {"domain.devices.autoattachGraphicsDevice": False},
            "is not allowed when autoattachGraphicsDevice is",
        ),
        ("spice", {}, ""),
        ("vnc", {}, ""),
    ],
)
def test_the_annotation_says_how_the_screen_is_shown(shown: str, fields: dict[str, object], words: str) -> None:
    posted = vmi(fields, annotations={"playvirt.io/graphics": shown})
    it = request.subject_of(posted, Settings(), field="spec", meta_field="metadata")
    causes = [(cause.field, words in cause.message) for cause in instance.spec_causes(it)]
    assert causes == ([("metadata.annotations[playvirt.io/graphics]", True)] if words else [])


@pytest.mark.parametrize(
    ("wrong", "field", "message", "near"), [*PLAIN_DEVICES, *NETWORKS, *INTERFACES, *GUEST, *POD, *PLACEMENT]
)
def test_a_rule_refuses_its_case_and_lets_the_near_miss_pass(
    wrong: dict[str, object], field: str, message: str, near: dict[str, object]
) -> None:
    assert (field, message) in told(wrong)
    assert told(near) == []


@pytest.mark.parametrize(
    ("fields", "off", "field", "message"),
    [
        (
            {"domain.rebootPolicy": "Reboot"},
            Settings(disabled_gates=frozenset({"RebootPolicy"})),
            "spec.domain.rebootPolicy",
            "RebootPolicy is specified but the RebootPolicy feature gate is not enabled",
        ),
        (
            _bound("bridge"),
            Settings(bridge_on_pod_network=False),
            f"{NIC}.bridge",
            "Bridge on pod network configuration is not enabled under kubevirt-config",
        ),
        (
            _bound("passtBinding"),
            Settings(disabled_gates=frozenset({"PasstBinding"})),
            f"{NIC}.passtBinding",
            "PasstBinding feature gate is not enabled",
        ),
    ],
)
def test_the_installation_can_turn_things_off(
    fields: dict[str, object], off: Settings, field: str, message: str
) -> None:
    assert told(fields) == []
    assert told(fields, off) == [(field, message)]


@pytest.mark.parametrize(
    ("gate", "fields"),
    [
        ("HostDevices", {"domain.devices.hostDevices": [{"name": "card", "deviceName": "x/y"}]}),
        ("VSOCK", {"domain.devices.autoattachVSOCK": True}),
        ("DownwardMetrics", {"domain.devices.downwardMetrics": {}}),
    ],
)
def test_the_installation_can_turn_things_on(gate: str, fields: dict[str, object]) -> None:
    assert told(fields)
    assert told(fields, Settings(gates=frozenset({gate}))) == []
