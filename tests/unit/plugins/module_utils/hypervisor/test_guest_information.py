"""What a guest tells of itself, by itself and through a launcher that may lie."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import guest_information

TOLD = {
    "os.id": "debian",
    "os.pretty-name": "Debian GNU/Linux 13 (trixie)",
    "os.kernel-release": "6.12.0",
    "hostname": "web",
    "if.count": 2,
    "if.0.name": "lo",
    "if.0.hwaddr": "00:00:00:00:00:00",
    "if.0.addr.count": 1,
    "if.0.addr.0.addr": "127.0.0.1",
    "if.1.name": "eth0",
    "if.1.hwaddr": "02:AA:bb:00:00:01",
    "if.1.addr.count": 3,
    "if.1.addr.0.addr": "10.0.2.2",
    "if.1.addr.1.addr": "fe80::1%eth0",
    "if.1.addr.2.addr": "FD10:0::2",
}


def test_what_libvirt_says_in_the_words_of_the_status() -> None:
    found = guest_information.of_libvirt(TOLD)
    assert found.os == {
        "id": "debian",
        "prettyName": "Debian GNU/Linux 13 (trixie)",
        "kernelRelease": "6.12.0",
    }
    assert found.hostname == "web"
    assert found.interfaces[1] == guest_information.Interface("eth0", "02:aa:bb:00:00:01", ("10.0.2.2", "fd10::2"))


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"if.count": -1},
        {"if.count": "many"},
        {"if.count": 10**9},
        {"if.count": 1, "if.0.name": "eth0", "if.0.hwaddr": "<script>"},
        {"if.count": 1, "if.0.name": "\x1b\x07", "if.0.hwaddr": "02:00:00:00:00:01"},
        {"os.id": "", "hostname": "\n\n"},
    ],
)
def test_nonsense_is_left_out(told: dict[str, Any]) -> None:
    assert guest_information.of_libvirt(told) == guest_information.Information(connected=True)


def test_a_guest_that_talks_without_end_is_cut() -> None:
    told: dict[str, Any] = {f"os.{key}": "x" * 10**6 for key in guest_information.OS_FIELDS}
    told |= {"hostname": "h" * 10**6, "if.count": 10**6}
    for index in range(100):
        told |= {f"if.{index}.name": "n" * 10**6, f"if.{index}.hwaddr": "02:00:00:00:00:01"}
        told |= {f"if.{index}.addr.count": 10**6}
        told |= {f"if.{index}.addr.{number}.addr": f"10.0.{number}.1" for number in range(200)}
    found = guest_information.of_libvirt(told)
    assert len(found.interfaces) == guest_information.MAX_INTERFACES
    assert len(found.interfaces[0].addresses) == guest_information.MAX_ADDRESSES
    assert len(json.dumps(found.to_message())) < 64 * 1024


def test_a_message_says_the_same_at_the_other_end() -> None:
    sent = guest_information.of_libvirt(TOLD)
    assert guest_information.of_message(json.loads(json.dumps(sent.to_message()))) == sent
    gone = guest_information.Information(connected=False)
    assert guest_information.of_message(gone.to_message()) == gone


def _lie(**changes: Any) -> dict[str, Any]:
    return {**guest_information.of_libvirt(TOLD).to_message(), **changes}


@pytest.mark.parametrize(
    "message",
    [
        {},
        _lie(connected="yes"),
        _lie(os=[]),
        _lie(os={"id": 7}),
        _lie(os={"id": "x" * 201}),
        _lie(os={"shell": "sh"}),
        _lie(hostname="a\x1b[2J"),
        _lie(interfaces=[{"name": "eth0"}]),
        _lie(interfaces=[{"name": "eth0", "mac": "nonsense", "addresses": []}]),
        _lie(interfaces=[{"name": "eth0", "mac": "02:00:00:00:00:01", "addresses": ["here"]}]),
        _lie(interfaces=[{"name": "eth0", "mac": "02:00:00:00:00:01", "addresses": [{"a": 1}]}]),
        _lie(interfaces=[{"name": "eth0", "mac": "02:00:00:00:00:01", "addresses": []}] * 33),
        _lie(more=1),
    ],
)
def test_a_launcher_that_lies_is_found_out(message: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="^it has|^an interface has|^a text or address"):
        guest_information.of_message(message)
