"""The two scripts, run by a real sh with programs in PATH that only write down what they were given."""

from __future__ import annotations

import json
import pathlib
import subprocess

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.network import masquerade, namespace_script

WISH = masquerade.Masquerade()


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
    changes = namespace_script.Changes(batch=["link a", "link b"], ruleset="table ip x {\n}\n")
    assert run_script(changes.script(), programs).returncode == 0
    expected = "ip -batch -\nlink a\nlink b\nnft -f -\ntable ip x {\n}\n"
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
    for name, output in (("ip", json.dumps([{"ifname": "eth0", "mtu": 1500}, {}])), ("nft", 'table { comment "x" }')):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\ncat <<'X'\n{output}\nX\n")
        program.chmod(0o755)
    script = namespace_script.observation(WISH).replace("/proc/sys/", f"{tmp_path}/")
    setting = tmp_path / "net/ipv4/ip_forward"
    setting.parent.mkdir(parents=True)
    setting.write_text("0\n")
    ended = run_script(script, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert namespace_script.parse_observation(WISH, ended.stdout) == masquerade.Observed(
        devices={"eth0": {"ifname": "eth0", "mtu": 1500}},
        ruleset='table { comment "x" }\n',
        sysctls={"net/ipv4/ip_forward": "0", "net/ipv4/conf/k6t-eth0/route_localnet": ""},
    )


def test_changes_of_new_namespace_have_every_part() -> None:
    observed = masquerade.Observed({"eth0": {"ifname": "eth0", "mtu": 1500}})
    found = namespace_script.changes(WISH, observed)
    assert found.batch == masquerade.batch(WISH, observed)
    assert found.sysctls == masquerade.sysctls(WISH)
    assert found.ruleset == masquerade.ruleset(WISH)
    assert "sysctl net.ipv4.ip_forward=1" in found.lines()


def test_removal_leaves_an_untouched_namespace_alone() -> None:
    assert not namespace_script.removal(WISH, masquerade.Observed({"eth0": {"ifname": "eth0", "mtu": 1500}}))
