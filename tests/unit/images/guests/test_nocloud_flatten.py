"""The reader of cloud-config in guest tiny, against PyYAML: what it understands it understands alike, and the rest it refuses."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
from typing import Any

import pytest
import yaml

PROGRAM = pathlib.Path(__file__).resolve().parents[4] / "images/guests/tiny/root/usr/lib/nocloud/flatten.awk"
AWKS = [awk for awk in (["awk"], ["busybox", "awk"]) if shutil.which(awk[0])]


def flatten(awk: list[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*awk, "-f", str(PROGRAM)], input=text, capture_output=True, text=True, check=False, timeout=30
    )


def expected(value: Any, path: str = "") -> list[str]:
    """Flatten what PyYAML read; scalars stay the texts that they were written as (BaseLoader)."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [line for key, item in items for line in expected(item, f"{path}.{key}" if path else str(key))]
    text = "" if value in ("~", "null") else str(value)
    return [path + "\t" + text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")]


DOCUMENTS = {
    "mappings and scalars": 'hostname: web  # the host\nfqdn: \'web.example.org\'\npassword: "it\'s \\"quoted\\"\\n"\nempty: null\n',
    "lists": "runcmd:\n  - echo 'a, b' > /tmp/x\n  - [sh, -c, \"echo hi, you\"]\n  - - touch\n    - /tmp/y\nusers:\n- default\n- name: bob\n",
    "flow": "chpasswd: { expire: False, list: ['a:b c', \"d:e\"] }\nmore: [1,\n  2, {x: {y: z}}]\n",
    "json": '{"instance-id": "i-1", "local-hostname": "vm.example.org", "a": {"b": [1, 2, {"c": "d"}]}}\n',
    "literal": "write_files:\n- path: /etc/x\n  content: |\n    one\n      two \\n\n\n    three: 3\n  permissions: '0644'\n- content: |-\n    bare\n",
    "folded": "text: >-\n  one\n  two\n\n  three\nnext: >\n  end\n",
    "comments": "---\n# first\nusers: # all\n\n  # one\n  - name: bob # Bob\n    shell: /bin/sh\n",
    "windows line ends": "hostname: web\r\nusers:\r\n  - name: bob\r\n",
    "deep": "a:\n  b:\n    c:\n      - d:\n          e: f\n        g: h\n      - i\nj: k\n",
    "empty": "#cloud-config\n",
}


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_reads_what_yaml_says(awk: list[str], name: str) -> None:
    result = flatten(awk, DOCUMENTS[name])
    assert (result.returncode, result.stderr) == (0, "")
    document = yaml.load(DOCUMENTS[name], Loader=yaml.BaseLoader)  # noqa: S506 - it only ever builds texts
    assert result.stdout.splitlines() == (expected(document) if document else [])


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &anchor b\n", "line 1: `&` is not supported"),
        ("a: [b, c\n", "a bracket is not closed"),
        ("a: b\n   c: d\n", "line 2: not understood"),
        ("just\nwords\n", "line 2: not understood"),
        ("ok: yes\na: 'open\n", "line 2: a quoted text does not end on its line"),
    ],
)
def test_refuses_what_it_does_not_understand(awk: list[str], text: str, reason: str) -> None:
    result = flatten(awk, text)
    assert result.returncode == 2
    assert reason in result.stderr
