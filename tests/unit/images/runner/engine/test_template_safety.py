"""Text of a custom resource is never evaluated: whatever Jinja or marker it holds, wherever it stands, in every engine, on every way through a
role.

Objects are built at random from payloads (the seeds are fixed, so a failure can be repeated): as values, keys, in lists, nested, in labels and
annotations. The role fixtures/roles/passing_on hands them on by facts, loops, registered results, variables, includes and one of our actions,
and writes what arrived. A payload that was evaluated would make a file. The last test shows that an evaluating way is caught: the variables as
ansible-operator gives them.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import (
    ROLES,
    ansible_playbook,
    parameter,
    started,
)

SEEDS = range(6)
ACTIONS = {"ANSIBLE_ACTION_PLUGINS": str(ROLES / "passing_on" / "action_plugins")}
WAYS = {"straight", "fact", "nested", "register", "vars", "loop", "results", "included", "built"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


def payloads(canary: Path) -> list[str]:
    """Texts that do something when they are evaluated, and texts that are taken for something else when they are read."""
    call = f"lookup('ansible.builtin.pipe', 'touch {canary}')"
    return [
        "{{ " + call + " }}",
        "{{" + call + "}} and more",
        "{% set x = " + call + " %}{{ x }}",
        "{% if " + call + " %}{% endif %}",
        "{%- for x in [" + call + "] -%}{{ x }}{%- endfor -%}",
        "{{ '{{' }} " + call + " {{ '}}' }}",
        "{{ {'a': " + call + "} }}",
        "{# comment #}{{ " + call + " | default('x') }}",
        "{{ undefined_variable." + "x }}",
        "{{ unclosed",
        "{% raw %}",
        "#jinja2: variable_start_string:'[%'\n[% " + call + " %]",
        "!unsafe {{ " + call + " }}",
        "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162",
        "$ANSIBLE_VAULT;1.1;AES256\n6162",
        "__omit_place_holder__abc",
        "{{ omit }}",
        "&anchor *anchor << : - ? | > % @ `",
        "yes",
        "1e3",
        "null",
        "\x7f\u2028\U0001f600 \t\r\n",
        call,
    ]


class Objects:
    """Makes objects out of payloads."""

    def __init__(self, seed: int, canary: Path) -> None:
        self._random = random.Random(seed)
        self._texts = payloads(canary)

    def text(self) -> str:
        return self._random.choice(self._texts)

    def value(self, depth: int = 0) -> Any:
        """A text, a list, a map whose keys are payloads or ansible's own markers, or a plain value."""
        kind = self._random.randrange(8 if depth < 3 else 4)
        if kind < 3:
            return self.text()
        if kind == 3:
            return self._random.choice([None, True, 0, -1.5, "", 2**40])
        if kind < 6:
            return [self.value(depth + 1) for _ in range(self._random.randrange(4))]
        if kind == 6:
            return {self._random.choice(["__ansible_unsafe", "__ansible_vault", "__ansible_type"]): self.text()}
        return {self.text(): self.value(depth + 1) for _ in range(self._random.randrange(4))}

    def widget(self) -> dict[str, Any]:
        """An object with every payload in it at least once."""
        metadata = {"name": "one", "namespace": "default", "labels": {self.text(): self.text() for _ in range(5)}}
        metadata["annotations"] = {self.text(): self.text() for _ in range(5)}
        texts = self._random.sample(self._texts, len(self._texts))
        spec = {"list": texts, "map": {f"key{n}": text for n, text in enumerate(texts)}, "any": self.value()}
        spec["keys"] = {text: {text: [text]} for text in texts}
        return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata, "spec": spec}


def variables(widget: dict[str, Any], told: Path) -> dict[str, Any]:
    return {
        **widget["spec"],
        "ansible_operator_meta": {"name": "one", "namespace": "default"},
        "_example_com_widget": widget,
        "told": str(told),
    }


def check(widget: dict[str, Any], told: Path, canary: Path) -> None:
    """Everything arrived on every way as it was, and nothing was evaluated."""
    assert not canary.exists()
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    assert {line["way"] for line in lines} == WAYS
    values = list(widget["spec"]["map"].values())
    for way in ("straight", "fact", "nested", "register", "vars"):
        assert [line["value"] for line in lines if line["way"] == way] == [widget], way
    assert [line["value"] for line in lines if line["way"] == "loop"] == values
    expected = {"results": values, "included": widget["spec"]["list"], "built": {text: text for text in values}}
    for way, value in expected.items():
        assert [line["value"] for line in lines if line["way"] == way] == [value], way


@pytest_asyncio.fixture(
    loop_scope="module", scope="module", params=[parameter("inline-2.21"), parameter("inline-2.20")]
)
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[engine.Engine]:
    async with started(request.param, roles=("passing_on",), environment=ACTIONS) as found:
        yield found


@pytest.mark.parametrize("name", ["inline", "fork", pytest.param("subprocess", marks=pytest.mark.full)])
async def test_no_text_of_an_object_is_evaluated(shared: engine.Engine, name: str, tmp_path: Path) -> None:
    for seed in SEEDS if name == "inline" else SEEDS[:1]:
        told, canary = tmp_path / f"told{seed}", tmp_path / f"canary{seed}"
        widget = Objects(seed, canary).widget()
        tasks: list[Any] = []
        job = engine.Job(role="passing_on", extra_vars=variables(widget, told), engine=name, timeout=200, verbosity=1)
        result = await shared.run(job, tasks.append)
        assert result.ok, (seed, result)
        check(widget, told, canary)
        texts = widget["spec"]["list"]
        messages = {task["task"]: task["msg"] for task in tasks}
        assert messages["In a message"] == " ".join(widget["spec"]["map"].values())[:4096]
        assert messages["In a failure"] == texts[0][:4096]


@pytest.mark.full
async def test_an_evaluating_way_is_caught(tmp_path: Path) -> None:
    """Variables as trusted JSON on the command line, as ansible-operator gives them without markUnsafe."""
    told, canary = tmp_path / "told", tmp_path / "canary"
    widget = Objects(0, canary).widget()
    texts = payloads(canary)[:1]
    widget = {**widget, "metadata": {"name": "one"}, "spec": {"list": texts, "map": {"key": texts[0]}}}
    ansible_playbook(tmp_path, "passing_on", json.dumps(variables(widget, told)), ACTIONS)
    with pytest.raises(AssertionError, match="canary"):
        check(widget, told, canary)
