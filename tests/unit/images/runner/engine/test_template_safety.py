"""Text of a custom resource is never evaluated: whatever Jinja or marker it holds, wherever it stands, in every engine, on every way through a
role.

Hypothesis builds objects from payloads, halves of templates and any characters: as values, keys, in lists, nested, in labels and annotations.
The role fixtures/roles/passing_on hands them on by facts, loops, registered results, variables, includes and one of our actions, and writes what
arrived. A payload that was evaluated would make a file. The last test shows that an evaluating way is caught: the variables as ansible-operator
gives them.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_asyncio
from ansible_collections.playvirt.core.images.runner.engine import engine
from ansible_collections.playvirt.core.tests.unit.images.runner.engine.engines import (
    ROLES,
    ansible_playbook,
    parameter,
    started,
)
from hypothesis import strategies as st

ACTIONS = {"ANSIBLE_ACTION_PLUGINS": str(ROLES / "passing_on" / "action_plugins")}
WAYS = {"straight", "fact", "nested", "register", "vars", "loop", "results", "included", "built"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


def payloads(canary: str) -> list[str]:
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


PAYLOADS = payloads("CANARY")
# What stands between two payloads, or alone: halves of templates, and any characters.
PIECES = ["{{", "}}", "{%", "%}", "{#", "#}", "{{ '", "' }}", "\\", "\n", "'", '"', "|", "CANARY"]
MARKERS = ["__ansible_unsafe", "__ansible_vault", "__ansible_type"]


def texts() -> st.SearchStrategy[str]:
    """A payload, or pieces of templates, payloads and any characters one after the other."""
    pieces = st.sampled_from(PIECES) | st.sampled_from(PAYLOADS) | st.text(max_size=5)
    return st.sampled_from(PAYLOADS) | st.lists(pieces, min_size=1, max_size=5).map("".join)


def values() -> st.SearchStrategy[Any]:
    """A text, a plain value, a list, or a map whose keys are texts or ansible's own markers."""
    plain = texts() | st.sampled_from([None, True, 0, -1.5, "", 2**40])
    return st.recursive(
        plain,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(texts(), inner, max_size=3)
            | st.dictionaries(st.sampled_from(MARKERS), texts(), min_size=1, max_size=1)
        ),
        max_leaves=8,
    )


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    """An object with every payload in it at least once."""
    few = st.dictionaries(texts(), texts(), max_size=5)
    meta = {"name": "one", "namespace": "default", "labels": draw(few), "annotations": draw(few)}
    listed = [*draw(st.permutations(PAYLOADS)), *draw(st.lists(texts(), max_size=8))]
    spec = {"list": listed, "map": {f"key{n}": text for n, text in enumerate(listed)}, "any": draw(values())}
    spec["keys"] = {text: {text: [text]} for text in listed}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta, "spec": spec}


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


async def pass_on(found: engine.Engine, name: str, made: dict[str, Any], directory: Path) -> None:
    """Run the role for the object and compare what it wrote and told."""
    told, canary = directory / "told", directory / "canary"
    widget = json.loads(json.dumps(made).replace("CANARY", str(canary)))
    tasks: list[Any] = []
    job = engine.Job(role="passing_on", extra_vars=variables(widget, told), engine=name, timeout=200, verbosity=1)
    result = await found.run(job, tasks.append)
    assert result.ok, result
    check(widget, told, canary)
    messages = {task["task"]: task["msg"] for task in tasks}
    assert messages["In a message"] == " ".join(widget["spec"]["map"].values())[:4096]
    assert messages["In a failure"] == widget["spec"]["list"][0][:4096]


# A run takes part of a second, so an object that fails is told as it is and not made smaller.
SETTINGS = hypothesis.settings(
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=(hypothesis.Phase.reuse, hypothesis.Phase.generate),
)


@hypothesis.settings(SETTINGS, max_examples=6)
@hypothesis.given(made=objects())
async def test_no_text_of_an_object_is_evaluated(
    shared: engine.Engine, tmp_path_factory: pytest.TempPathFactory, made: dict[str, Any]
) -> None:
    await pass_on(shared, "inline", made, tmp_path_factory.mktemp("inline"))


@pytest.mark.parametrize("name", ["fork", pytest.param("subprocess", marks=pytest.mark.full)])
@hypothesis.settings(SETTINGS, max_examples=2)
@hypothesis.given(made=objects())
async def test_nor_is_it_by_the_other_engines(
    shared: engine.Engine, name: str, tmp_path_factory: pytest.TempPathFactory, made: dict[str, Any]
) -> None:
    await pass_on(shared, name, made, tmp_path_factory.mktemp(name))


@pytest.mark.full
async def test_an_evaluating_way_is_caught(tmp_path: Path) -> None:
    """Variables as trusted JSON on the command line, as ansible-operator gives them without markUnsafe."""
    told, canary = tmp_path / "told", tmp_path / "canary"
    evaluated = payloads(str(canary))[0]
    widget = {"metadata": {"name": "one"}, "spec": {"list": [evaluated], "map": {"key": evaluated}}}
    ansible_playbook(tmp_path, "passing_on", json.dumps(variables(widget, told)), ACTIONS)
    with pytest.raises(AssertionError, match="canary"):
        check(widget, told, canary)
