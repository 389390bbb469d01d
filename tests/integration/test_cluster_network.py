"""network.sh of role embedded_cluster, in a network namespace that stands for the machine."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "roles" / "embedded_cluster" / "files" / "network.sh"
NEEDED = ("ip", "nft", "iptables", "unshare", "nsenter", "busybox")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(shutil.which(name) for name in NEEDED),
        reason=f"needs root and {', '.join(NEEDED)}",
    ),
]


def machine(commands: str) -> list[str]:
    """Run shell commands in a new network namespace, `network` being the script; returns the lines of their output."""
    program = f'network() {{ "{SCRIPT}" "$@"; }}\nip link set lo up\n{commands}'
    done = subprocess.run(
        ["unshare", "--net", "sh", "-euc", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_up_twice_changes_once_and_down_takes_everything() -> None:
    lines = machine("""
        network up pvtest 100.99 20999
        echo again
        network up pvtest 100.99 20999
        echo rules; nft list tables
        echo down
        network down pvtest
        echo left; nft list ruleset; ip -oneline link | grep pvtest || true
        echo down again
        network down pvtest
    """)
    assert lines[lines.index("again") + 1 : lines.index("down")] == ["rules", "table ip pvtest"]
    assert "changed" in lines[: lines.index("again")]
    assert lines[lines.index("left") :] == ["left", "down again"]


def test_a_node_is_connected_and_its_pods_are_routed_to_it() -> None:
    lines = machine("""
        unshare --net sleep 60 &
        node=$!
        while [ "$(readlink /proc/$node/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do :; done
        network up pvtest 100.99 20999 $node >/dev/null
        nsenter --target $node --net ip -oneline -4 address show eth0
        nsenter --target $node --net busybox ping -c 1 -W 10 100.99.0.1 >/dev/null && echo reached
        ip route show 100.99.128.0/24
        network up pvtest 100.99 20999 $node
        network cut pvtest 1
        kill $node
    """)
    assert "100.99.0.11/24" in lines[0]
    assert lines[1] == "reached"
    assert lines[2].strip() == "100.99.128.0/24 via 100.99.0.11 dev pvtest"
    assert lines[3:] == ["changed"]


def test_a_machine_that_forwards_nothing_forwards_for_the_cluster() -> None:
    lines = machine("""
        nft add table ip filter
        nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
        network up pvtest 100.99 20999 >/dev/null
        nft list chain ip filter FORWARD | grep -c accept
        network up pvtest 100.99 20999
        network down pvtest >/dev/null
        nft list chain ip filter FORWARD | grep -c accept || true
    """)
    assert lines == ["2", "0"]
