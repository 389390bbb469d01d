"""How the processes below one are ended. What a play leaves to the next one: test_engine.py."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from ansible_collections.playvirt.core.images.runner.engine import surroundings

TREE = ["/bin/sh", "-c", "sleep 1000 & sleep 1000 & echo ready; wait"]
# In a process of its own, because it ends everything below its process: first what it cannot kill, then what it can.
ENDING = textwrap.dedent("""
    import os, subprocess, sys, time
    from ansible_collections.playvirt.core.images.runner.engine import surroundings

    below = subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & sleep 1000 & echo ready; wait"], stdout=subprocess.PIPE)
    below.stdout.readline()
    surroundings._END_SECONDS, kill = 0.2, os.kill
    os.kill = lambda pid, number: None
    began = time.monotonic()
    surroundings.end_descendants()
    assert len(surroundings.descendants(os.getpid())) == 3
    assert time.monotonic() - began < 2
    os.kill = kill
    surroundings.end_descendants()
    assert not surroundings.descendants(os.getpid())
    below.returncode = 0  # it was reaped
""")


def test_a_tree_is_killed_and_left_to_its_parent_to_reap() -> None:
    with subprocess.Popen(TREE, stdout=subprocess.PIPE, start_new_session=True) as top:
        assert top.stdout is not None
        top.stdout.readline()
        below = surroundings.descendants(top.pid)
        assert len(below) == 2
        surroundings.kill_tree(top.pid)
        assert top.wait(10) < 0
        assert top.stdout.read() == b"", "nobody holds its pipe"


def test_what_cannot_be_killed_is_given_up() -> None:
    done = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
