"""The two scripts, run by a real sh with programs in PATH that only write down what they were given."""

from __future__ import annotations

import json
import pathlib
import subprocess

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.network import bridge, devices, masquerade, namespace_script

WISH = masquerade.Masquerade()
ROUTE = {"dst": "default", "gateway": "10.1.1.1", "dev": "eth0"}


@pytest.fixture
def programs(tmp_path: pathlib.Path) -> pathlib.Path:
    """A directory with `ip` and `nft` that append their arguments and stdin to `calls`."""
    for name in ("ip", "nft"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\ncat >> {tmp_path}/calls\n')
        program.chmod(0o755)
    return tmp_path


def run_script(script: str, programs: pathlib.Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    return subprocess.run(["sh", "-eu"], input=script, env=environment, text=True, capture_output=True, check=False)


def test_script_gives_each_program_its_lines(programs: pathlib.Path) -> None:
    changes = namespace_script.Changes(
        batch=["link a", 'link b alias "x;y>z"'], late_batch=["address c"], ruleset="table ip x {\n}\n"
    )
    assert run_script(changes.script(), programs).returncode == 0
    expected = 'ip -batch -\nlink a\nlink b alias "x;y>z"\nip -batch -\naddress c\nnft -f -\ntable ip x {\n}\n'
    assert (programs / "calls").read_text() == expected


def test_script_stops_at_the_first_failure(programs: pathlib.Path) -> None:
    (programs / "ip").write_text("#!/bin/sh\necho 'Command failed -:1' >&2\nexit 1\n")
    ended = run_script(namespace_script.Changes(batch=["link a"], ruleset="table ip x {\n}\n").script(), programs)
    assert ended.returncode == 1
    assert "Command failed -:1" in ended.stderr
    assert not (programs / "calls").exists()


def test_no_changes_are_false_and_an_empty_script() -> None:
    changes = namespace_script.Changes()
    assert not changes
    assert changes.script() == ""
    assert changes.lines() == []


def test_observation_is_parsed_from_its_own_output(tmp_path: pathlib.Path) -> None:
    ip = f"""#!/bin/sh
case "$*" in *address*) echo '{json.dumps([{"ifname": "eth0", "mtu": 1500}, {}])}' ;; *) echo '{json.dumps([ROUTE])}' ;; esac
"""
    for name, text in (("ip", ip), ("nft", '#!/bin/sh\necho "table $4 {"\n')):
        program = tmp_path / name
        program.write_text(text)
        program.chmod(0o755)
    script = namespace_script.observation([WISH]).replace("/proc/sys/", f"{tmp_path}/")
    setting = tmp_path / "net/ipv4/ip_forward"
    setting.parent.mkdir(parents=True)
    setting.write_text("0\n")
    ended = run_script(script, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert namespace_script.parse_observation([WISH], ended.stdout) == devices.Observed(
        devices={"eth0": {"ifname": "eth0", "mtu": 1500}},
        routes=[ROUTE],
        ruleset="table playvirt {\ntable playvirt {\n",
        sysctls={path: "0" if path == "net/ipv4/ip_forward" else "" for path in WISH.watched()},
    )


def test_changes_of_new_namespace_have_every_part() -> None:
    observed = devices.Observed({"eth0": {"ifname": "eth0", "mtu": 1500}})
    found = namespace_script.changes([WISH], observed)
    assert found.batch == WISH.batch(observed)
    assert found.sysctls == WISH.sysctls(observed)
    assert found.ruleset == WISH.ruleset(observed)
    assert "sysctl net.ipv4.ip_forward=1" in found.lines()


def test_changes_of_several_interfaces_are_one_script() -> None:
    other = bridge.Bridge(
        uplink="net1",
        fallback="net1",
        bridge="k6t-net1",
        tap=devices.Tap(name="tap1", bridge="k6t-net1"),
        mac="02:00:00:00:00:07",
    )
    observed = devices.Observed({name: {"ifname": name, "mtu": 1500} for name in ("eth0", "net1")})
    found = namespace_script.changes([WISH, other], observed)
    assert found.batch == [*WISH.batch(observed), *other.batch(observed)]
    assert set(found.sysctls) == {*WISH.sysctls(observed), "net/ipv4/conf/all/arp_ignore"}


def test_removal_names_the_tables_that_are_there() -> None:
    observed = devices.Observed({"eth0": {"ifname": "eth0", "mtu": 1500}}, ruleset="table ip6 playvirt {\n}\n")
    assert namespace_script.removal([WISH], observed).ruleset == "delete table ip6 playvirt\n"


def test_removal_leaves_an_untouched_namespace_alone() -> None:
    assert not namespace_script.removal([WISH], devices.Observed({"eth0": {"ifname": "eth0", "mtu": 1500}}))
