"""The module with a namespace that keeps what the scripts made. Real namespaces are in tests/integration."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from ansible.module_utils.common import arg_spec
from ansible_collections.playvirt.core.plugins.module_utils import process
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import launcher_process
from ansible_collections.playvirt.core.plugins.module_utils.network import bridge, masquerade, namespace_script, passt
from ansible_collections.playvirt.core.plugins.modules import pod_network

WISH = masquerade.Masquerade()
MADE = [
    {
        "ifname": "eth0",
        "mtu": 1400,
        "addr_info": [{"family": "inet", "local": "10.244.1.7", "prefixlen": 24, "scope": "global"}],
    },
    {
        "ifname": "k6t-eth0",
        "mtu": 1400,
        "flags": ["UP"],
        "linkinfo": {"info_kind": "bridge"},
        "addr_info": [{"family": "inet", "local": "10.0.2.1", "prefixlen": 24}],
    },
    {
        "ifname": "tap0",
        "mtu": 1400,
        "flags": ["UP"],
        "master": "k6t-eth0",
        "linkinfo": {"info_kind": "tun", "info_data": {"type": "tap", "user": "107", "group": "107"}},
    },
]


class Pod:
    """A launcher with eth0; the script that changes makes everything at once."""

    def __init__(self) -> None:
        self.devices: Sequence[Mapping[str, Any]] = MADE[:1]
        self.ruleset, self.settings = "", ["0", "", "", ""]
        self.scripts: list[str] = []
        self.tun_claimed = False

    def run(self, argv: Sequence[str], *, timeout_seconds: float, stdin: str) -> process.Completed:
        assert list(argv) == ["nsenter", "--net=/proc/1/fd/9", "--", "sh", "-eu"]
        self.scripts.append(stdin)
        if stdin == namespace_script.observation([WISH]):
            parts = [json.dumps(self.devices), "[]", self.ruleset, *self.settings]
            return process.Completed(stdout="\n--- playvirt ---\n".join(parts) + "\n", stderr="")
        self.devices, self.ruleset, self.settings = MADE, stdin, ["1", "1", "", ""]
        return process.Completed(stdout="", stderr="")

    @contextlib.contextmanager
    def network_namespace(self, pid: int, *, pod_uid: str | None) -> Iterator[str]:
        assert (pid, pod_uid) == (4711, "uid")
        yield "/proc/1/fd/9"

    def claim_device(self, pid: int, names: Sequence[str], *, check_mode: bool, **_: Any) -> bool:
        assert (pid, tuple(names)) == (4711, ("dev", "net", "tun"))
        needed, self.tun_claimed = not self.tun_claimed, self.tun_claimed or not check_mode
        return needed


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch) -> Pod:
    fake = Pod()
    monkeypatch.setattr(process, "run", fake.run)
    monkeypatch.setattr(launcher_process, "network_namespace", fake.network_namespace)
    monkeypatch.setattr(launcher_process, "claim_device", fake.claim_device)
    return fake


def validated(*interfaces: dict[str, Any], **params: Any) -> dict[str, Any]:
    given = {"pid": 4711, "pod_uid": "uid", "interfaces": list(interfaces or ({},)), **params}
    found = arg_spec.ArgumentSpecValidator(pod_network.ARGUMENT_SPEC).validate(given)
    assert not found.error_messages
    parameters: dict[str, Any] = found.validated_parameters
    return parameters


def run(*interfaces: dict[str, Any], check_mode: bool = False, **params: Any) -> dict[str, Any]:
    return pod_network.run(validated(*interfaces, **params), check_mode=check_mode)


def test_run_makes_network_and_then_nothing(pod: Pod) -> None:
    told = {"mac": "02:00:00:00:00:07", "hostname": "one"}
    first, second = run({"told": told}), run({"told": told})
    assert first["changed"]
    assert "ip tuntap add dev tap0 mode tap user 107 group 107 vnet_hdr" in first["commands"]
    assert first["commands"][-1] == "chown 107 /dev/net/tun"
    (lease,) = first["leases"]
    assert (lease["mtu"], lease["interface"], lease["hostname"]) == (1400, "k6t-eth0", "one")
    assert lease["ipv4"]["client"] == "10.0.2.2"
    assert first["addresses"] == {"default": ["10.244.1.7"]}
    assert (second["changed"], second["commands"], second["diff"]["after"]) == (False, [], "")
    assert len(pod.scripts) == 3


def test_run_in_check_mode_only_looks(pod: Pod) -> None:
    result = run(check_mode=True)
    assert result["changed"]
    assert result["diff"]["after"].startswith("ip link add name k6t-eth0")
    assert pod.scripts == [namespace_script.observation([WISH])]
    assert not pod.tun_claimed


def test_run_absent_removes_what_is_there(pod: Pod) -> None:
    run()
    result = run(state="absent")
    assert result["commands"] == [
        "ip link delete dev tap0",
        "ip link delete dev k6t-eth0",
        "nft delete table ip playvirt",
    ]


@pytest.mark.parametrize(
    ("interfaces", "message"),
    [
        ([{"gateway": "10.0.2.256/24"}], r"interfaces\[0\] \(default\): .*10\.0\.2\.256"),
        ([{}, {"name": "b", "binding": "bridge", "mac": "02:1"}], r"interfaces\[1\] \(b\): mac '02:1' is not"),
        ([{"name": "x", "binding": "passt", "uplink": "a b"}], r"interfaces\[0\] \(x\): uplink 'a b' is not"),
        ([{}, {"name": "b", "bridge": "k6t-b", "tap": "tapb"}], "only one can have binding masquerade"),
    ],
)
def test_run_refuses_what_could_not_work(pod: Pod, interfaces: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(errors.InvalidObject, match=message):
        run(*interfaces)
    assert pod.scripts == []


def test_bridge_needs_the_guests_address() -> None:
    given = {"pid": 1, "interfaces": [{"binding": "bridge"}]}
    (message,) = arg_spec.ArgumentSpecValidator(pod_network.ARGUMENT_SPEC).validate(given).error_messages
    assert "mac" in message


def test_bindings_follow_from_the_options() -> None:
    interfaces = [
        {},
        {"binding": "bridge", "mac": "02:00:00:00:00:07", "queues": 2},
        {"binding": "passt", "fallback": "net1"},
    ]
    first, second, third = pod_network.bindings_of(validated(*interfaces, owner_uid=1000))
    assert isinstance(first, masquerade.Masquerade)
    assert first.tap.owner_uid == 1000
    assert isinstance(second, bridge.Bridge)
    assert second.tap.queues == 2
    assert third == passt.Passt(uplink="eth0", fallback="net1")
