"""Each shortcut gives what ansible-core itself gives, and is not taken where ansible-core reads differently.

Not here: that whole plays give the same results with them (test_engine_equivalence.py compares every engine with ansible-playbook, which knows no shortcut).
"""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from ansible._internal._datatag._tags import Origin, TrustedAsTemplate
from ansible._internal._templating._engine import TemplateEngine
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.base import FieldAttributeBase
from ansible.playbook.block import Block
from ansible.playbook.loop_control import LoopControl
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.loader import PluginLoadContext
from ansible.vars.clean import clean_facts
from ansible.vars.manager import VariableManager
from ansible_collections.playvirt.core.images.runner.engine import core_shortcuts

NAMES = [shortcut.name for shortcut in core_shortcuts.shortcuts()]
TASKS: list[dict[str, Any]] = [
    {"name": "Plain", "set_fact": {"a": 1}},
    {
        "name": "Everything",
        "command": "true",
        "when": ["a is defined", True],
        "loop": [1, 2],
        "loop_control": {"label": "{{ item }}"},
        "register": "found",
        "environment": [{"A": "{{ b }}"}],
        "become": True,
        "check_mode": False,
        "retries": 3,
        "until": "found is success",
        "vars": {"b": "{{ c }}", "c": [1, {"d": 2}]},
        "tags": ["one", "two"],
        "no_log": "{{ b | bool }}",
        "ignore_errors": True,
        "delegate_to": "localhost",
        "notify": ["somebody"],
        "timeout": 5,
    },
    {"name": "Include", "include_tasks": {"file": "more.yml"}, "when": "a is defined"},
]


def replacement(name: str, original: Any) -> Any:
    [shortcut] = [each for each in core_shortcuts.shortcuts() if each.name == name]
    return shortcut.make(original)


def trusted(value: Any) -> Any:
    """As read from a file of a role: strings are templates."""
    if isinstance(value, dict):
        return {key: trusted(part) for key, part in value.items()}
    if isinstance(value, list):
        return [trusted(part) for part in value]
    return TrustedAsTemplate().tag(value) if isinstance(value, str) else value


def loaded(tasks: list[dict[str, Any]]) -> list[Any]:
    """Tasks of a play in a block, as ansible-core reads them; the block itself comes first."""
    definition = {
        "name": "Test",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{"block": trusted(tasks), "become": True}],
    }
    loader = DataLoader()
    variables = VariableManager(loader=loader, inventory=InventoryManager(loader=loader, parse=False))
    play = Play.load(definition, variable_manager=variables, loader=loader)
    [outer] = play.compile()[1:2]
    inner: Any = outer.block[0] if isinstance(outer.block[0], Block) else outer
    return [inner, *inner.block]


def state(made: Any) -> dict[str, Any]:
    """What an object is made of, with the objects that it refers to by identity; that of a loop's settings, which are copied too, by what is in them."""
    plain = (str, int, bool, float, list, dict, set, type(None))
    found = {k: v if isinstance(v, (*plain, type)) else id(v) for k, v in vars(made).items()}
    control = getattr(made, "_loop_control", None)
    return {**found, "_loop_control": vars(control) if isinstance(control, LoopControl) else None}


def test_all_fit_the_installed_ansible_core() -> None:
    assert len(NAMES) == 5
    assert [each.name for each in core_shortcuts.shortcuts() if not each.fits()] == []


def test_another_text_is_left_alone() -> None:
    class Owner:
        def method(self) -> int:
            return 1

    original = Owner.method
    known = frozenset({"0123456789abcdef"})
    shortcut = core_shortcuts.Shortcut(Owner, "method", lambda _: lambda self: 2, ((original, known),))
    assert not shortcut.fits()
    right = frozenset({core_shortcuts.digest(original)})
    assert core_shortcuts.Shortcut(Owner, "method", lambda _: lambda self: 2, ((original, right),)).fits()


def test_a_function_without_a_source_does_not_fit() -> None:
    assert core_shortcuts.digest(len) == ""
    assert not core_shortcuts.Shortcut(object, "x", lambda _: len, ((len, frozenset({"0"})),)).fits()


def test_install_says_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Owner:
        def fitting(self) -> int:
            return 1

        def misfit(self) -> int:
            return 1

    def always(_: Any) -> Any:
        return lambda self: 2

    right = frozenset({core_shortcuts.digest(Owner.fitting)})
    found = (
        core_shortcuts.Shortcut(Owner, "fitting", always, ((Owner.fitting, right),)),
        core_shortcuts.Shortcut(Owner, "misfit", always, ((Owner.misfit, right),)),
    )
    monkeypatch.setattr(core_shortcuts, "shortcuts", lambda: found)
    assert core_shortcuts.install() == ["misfit"]
    assert (Owner().fitting(), Owner().misfit()) == (2, 1)


def test_files_are_read_with_their_tags_into_containers_of_their_own(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "main.yml"
    path.write_text("- name: '{{ a }}'\n  vars: {b: [1, {c: '{{ d }}'}]}\n")
    read = replacement("load_from_file", DataLoader.load_from_file)
    loader = DataLoader()
    first = read(loader, str(path), trusted_as_template=True)
    assert first == DataLoader.load_from_file(loader, str(path))
    text = first[0]["vars"]["b"][1]["c"]
    assert TrustedAsTemplate.is_tagged_on(text)
    assert Origin.get_tag(text) == Origin.get_tag(loader.load_from_file(str(path))[0]["vars"]["b"][1]["c"])
    assert Origin.is_tagged_on(first[0]["vars"])
    first[0]["vars"]["b"].append("more")
    first[0]["vars"]["b"][1]["c"] = "changed"
    assert read(loader, str(path))[0]["vars"] == {"b": [1, {"c": "{{ d }}"}]}
    assert read(loader, str(path), unsafe=True) is read(loader, str(path), unsafe=True)


def test_a_list_that_holds_itself_is_copied(tmp_path: pathlib.Path) -> None:
    def original(*_: Any) -> Any:
        endless: list[Any] = []
        endless.append(endless)
        return endless

    found = replacement("load_from_file", original)(DataLoader(), "any")
    assert found[0] is found


@pytest.mark.parametrize("index", range(4))
def test_a_copy_is_the_copy_of_ansible_core(index: int) -> None:
    fast = replacement("copy", FieldAttributeBase.copy)
    found = loaded(TASKS)[index]
    assert isinstance(found, (Task, TaskInclude, Block))
    ours, theirs = fast(found), FieldAttributeBase.copy(found)
    assert type(ours) is type(theirs)
    assert state(ours) == state(theirs)
    for name, value in vars(ours).items():
        if isinstance(value, (list, dict)) and name != "_ds":
            assert value is not vars(found)[name], name


def test_a_copied_play_context_is_the_copy_of_ansible_core() -> None:
    context = PlayContext()
    context.become_user = "somebody"
    ours, theirs = replacement("copy", FieldAttributeBase.copy)(context), FieldAttributeBase.copy(context)
    assert state(ours) == state(theirs)
    assert ours.become_user == "somebody"


def test_classes_that_are_not_known_are_copied_by_ansible_core() -> None:
    play = Play.load({"name": "Test", "hosts": "localhost", "tasks": []}, loader=DataLoader())
    made: list[Any] = []

    def original(self: Any) -> Any:
        made.append(self)
        return self

    assert replacement("copy", original)(play) is play
    assert made == [play]


def validated(function: Any, index: int, variables: dict[str, Any]) -> dict[str, Any]:
    found = loaded(TASKS)[index]
    if isinstance(found, Task):
        found.squash()
    function(found, TemplateEngine(variables=variables))
    others = ("_parent", "_ds", "_loader", "_uuid", "_loop_control", "_play", "_variable_manager", "_block")
    return {k: v for k, v in vars(found).items() if k not in others}


@pytest.mark.parametrize("index", range(4))
def test_keywords_are_checked_as_by_ansible_core(index: int) -> None:
    variables = {"a": 1, "b": "yes", "item": 1}
    fast = replacement("post_validate", FieldAttributeBase.post_validate)
    assert validated(fast, index, variables) == validated(FieldAttributeBase.post_validate, index, variables)


@pytest.mark.parametrize("keyword", ["retries", "timeout", "poll", "port"])
def test_wrong_keywords_are_refused_alike(keyword: str) -> None:
    messages = []
    for function in (FieldAttributeBase.post_validate, replacement("post_validate", FieldAttributeBase.post_validate)):
        task = loaded([{"name": "Wrong", "set_fact": {"a": 1}, keyword: "many"}])[1]
        task.squash()
        with pytest.raises(Exception, match=keyword) as failure:
            function(task, TemplateEngine(variables={}))
        messages.append(str(failure.value))
    assert messages[0] == messages[1]


class Finder:
    """A plugin loader whose search is counted; `answer` is what it does to the context."""

    subdir = "modules"
    class_name = ""

    def __init__(self, answer: Any) -> None:
        self.searches = 0
        self._answer = answer

    def search(self, fq_name: str, extension: str | None, plugin_load_context: Any) -> Any:
        self.searches += 1
        return self._answer(plugin_load_context)

    def find_twice(self) -> list[PluginLoadContext]:
        find = replacement("_find_fq_plugin", type(self).search)
        found = []
        for _ in range(2):
            context = PluginLoadContext("module", "ansible.modules")
            context.original_name = "a.b.c"
            found.append(find(self, "a.b.c", "", context))
        return found


def test_a_plugin_is_searched_once() -> None:
    finder = Finder(lambda context: context.resolve("a.b.c", "/a/b/c.py", "a.b", "found", "a.b.other"))
    first, second = finder.find_twice()
    assert finder.searches == 1
    assert vars(first) == vars(second)
    assert (second.plugin_resolved_path, second.action_plugin) == ("/a/b/c.py", "a.b.other")


@pytest.mark.parametrize(
    "answer",
    [
        lambda context: context.nope("not there"),
        lambda context: context.redirect("a.b.d"),
        lambda context: context.record_deprecation(
            "a.b.c", {"removal_version": "9", "warning_text": "old"}, "a.b"
        ).resolve("a.b.c", "/a", "a.b", "found", None),
    ],
    ids=["missing", "redirected", "deprecated"],
)
def test_other_answers_are_asked_for_again(answer: Any) -> None:
    finder = Finder(answer)
    finder.find_twice()
    assert finder.searches == 2


def test_facts_are_cleaned_where_there_are_any() -> None:
    fast = replacement("clean_facts", clean_facts)
    assert fast({}) == clean_facts({}) == {}
    facts = {"ansible_ssh_user": "x", "ansible_distribution": "Debian"}
    assert fast(dict(facts)) == clean_facts(dict(facts)) == {"ansible_distribution": "Debian"}
