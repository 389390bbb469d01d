"""Shorter ways to the same results for what ansible-core does anew for each task: copying tasks, looking up plugins, checking keywords.

In: `install()`, once, in the zygote. Out: the names of those that do not fit the installed ansible-core. A shortcut fits when the source of each function
that it stands in for, or relies on, is word for word one that it was written against; any other is left as it is, with the same results and more
time. Nothing here decides or evaluates anything that ansible-core would not decide alike: test_core_shortcuts.py holds each against the original, and
the equivalence tests run plays with and without. Beside inline_tasks.py, compiled_templates.py and warm_modules.py the only file that knows private parts of
ansible-core. Called by `zygote.py`.
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.playbook.attribute import Attribute, FieldAttribute
from ansible.playbook.base import FieldAttributeBase
from ansible.playbook.block import Block
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.loader import PluginLoadContext, PluginLoader
from ansible.utils.sentinel import Sentinel
from ansible.vars import clean, manager

SHARED = (str, bytes, int, float, type(None), datetime.date)
COPIED_CLASSES = (Task, TaskInclude, Block, PlayContext)
Function = Callable[..., Any]


@dataclass(frozen=True)
class Shortcut:
    """Stands in for `owner.name`; `sources` are the functions whose text it was written against, with the digests of the texts known."""

    owner: Any
    name: str
    make: Callable[[Function], Function]
    sources: tuple[tuple[Function, frozenset[str]], ...]

    def fits(self) -> bool:
        """Whether the installed functions read as those that are known."""
        return all(digest(function) in known for function, known in self.sources)

    def install(self) -> None:
        """Take the place of the original."""
        setattr(self.owner, self.name, self.make(getattr(self.owner, self.name)))


def digest(function: Function) -> str:
    """Sixteen hexadecimal digits of the source's SHA-256; empty where there is no source."""
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]
    except (OSError, TypeError):
        return ""


def fresh_containers(value: Any) -> Any:
    """The same data, tags included, in dictionaries and lists of its own; what cannot be changed is shared."""
    if isinstance(value, (dict, list)):
        made = copy.copy(value)
        for key, part in made.items() if isinstance(made, dict) else enumerate(made):
            if not isinstance(part, SHARED):
                made[key] = fresh_containers(part)
        return made
    return value if isinstance(value, SHARED) else copy.deepcopy(value)


def _load_from_file(original: Function) -> Function:
    """Reading a file that was read before: not a deep copy of every string, and of where it came from."""

    def load_from_file(
        self: Any,
        file_name: str,
        cache: str = "all",
        unsafe: bool = False,
        json_only: bool = False,
        trusted_as_template: bool = False,
    ) -> Any:
        loaded = original(self, file_name, cache, True, json_only, trusted_as_template)
        if unsafe:
            return loaded
        try:
            return fresh_containers(loaded)
        except RecursionError:  # a file may hold a list that holds itself
            return copy.deepcopy(loaded)

    return load_from_file


def _copy(original: Function) -> Function:
    """Copying a task, a block or a play's context: the attributes by their names, not through their descriptors."""
    plans: dict[type, tuple[dict[str, Any], list[tuple[str, str, str | None]]]] = {}

    def plan_of(cls: type) -> tuple[dict[str, Any], list[tuple[str, str, str | None]]]:
        keywords: dict[str, Any] = vars_of(cls)
        names = [(f"_{name}", f"_{a.name}", a.alias and f"_{a.alias}") for name, a in keywords.items()]
        return cls().__dict__, names

    def fast_copy(self: Any) -> Any:
        cls: Any = type(self)
        if cls not in COPIED_CLASSES:
            return original(self)
        plan = plans.get(cls)
        if plan is None:
            plan = plans[cls] = plan_of(cls)
        made, old = cls.__new__(cls), self.__dict__
        new = made.__dict__
        for name, value in plan[0].items():
            new[name] = copy.copy(value) if isinstance(value, (dict, list, set)) else value
        for source, target, alias in plan[1]:
            value = old.get(source, Sentinel)
            if not isinstance(value, (bool, int, type(None), type)):
                value = copy.copy(value)
            new[target] = value
            if alias is not None:
                new[alias] = value
        for name in ("_loader", "_variable_manager", "_origin", "_validated", "_finalized", "_uuid"):
            new[name] = old[name]
        if hasattr(self, "_ds"):
            new["_ds"] = self._ds
        return made

    return fast_copy


def vars_of(cls: Any) -> dict[str, Any]:
    """The keywords of a class of ansible-core's playbook language, by their names and aliases."""
    found: dict[str, Any] = cls.fattributes
    return found


def _post_validate(original: Function) -> Function:
    """Checking the keywords of a task before it runs: those that nobody has set, or set to a plain value, are as they shall be."""
    del original
    plans: dict[type, list[tuple[str, str, str, bool]]] = {}
    read_plainly = (Attribute.__get__, FieldAttribute.__get__)

    def plan_of(cls: type) -> list[tuple[str, str, str, bool]]:
        plan = []
        for name, attribute in vars_of(cls).items():
            special = attribute.static or attribute.required or attribute.always_post_validate
            if not (special or getattr(cls, "_post_validate_object")):  # noqa: B009
                continue
            own = [m for m in (f"_post_validate_{name}", f"_get_attr_{attribute.name}") if hasattr(cls, m)]
            plain = not own and not special and type(attribute).__get__ in read_plainly
            plan.append((name, f"_{attribute.name}", str(attribute.isa), plain))
        return plan

    def settled(value: Any, kind: str) -> Any:
        if value is None or (type(value) in (bool, int) and type(value).__name__ == kind):
            return value
        if value == [] and kind == "list":
            return []
        return {} if value == {} and kind == "dict" else Sentinel

    def post_validate(self: Any, templar: Any) -> None:
        cls = type(self)
        plan = plans.get(cls)
        if plan is None:
            plan = plans[cls] = plan_of(cls)
        inherits = hasattr(cls, "_get_parent_attribute") and not (self._squashed or self._finalized)
        values = {} if inherits else self.__dict__
        for name, key, kind, plain in plan:
            value = settled(values.get(key, Sentinel), kind) if plain else Sentinel
            if value is Sentinel:
                value = self.post_validate_attribute(name, templar=templar)
            if value is not Sentinel:
                setattr(self, name, value)
        self._finalized = True

    return post_validate


def _find_plugin(original: Function) -> Function:
    """Looking up a plugin by its full name: the directories are searched once for each name. What is not found, redirected or deprecated is not kept."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def find(self: Any, fq_name: str, extension: str | None, plugin_load_context: Any) -> Any:
        key = (self.subdir, self.class_name, fq_name, extension)
        if key in found:
            return plugin_load_context.resolve(*found[key])
        redirects = list(plugin_load_context.redirect_list)
        result = original(self, fq_name, extension, plugin_load_context=plugin_load_context)
        straight = result is plugin_load_context and result.redirect_list == redirects and not result.pending_redirect
        if result.resolved and straight and not result.deprecated and not result.removal_date:
            found[key] = (
                result.plugin_resolved_name,
                result.plugin_resolved_path,
                result.plugin_resolved_collection,
                result.exit_reason,
                result.action_plugin,
            )
        return result

    return find


def _clean_facts(original: Function) -> Function:
    """No facts are clean facts."""

    def clean_facts(facts: Any) -> Any:
        return original(facts) if facts else {}

    return clean_facts


def _known(*digests: str) -> frozenset[str]:
    return frozenset(digests)


def shortcuts() -> tuple[Shortcut, ...]:
    """All of them, with the digests of ansible-core 2.21 and, where the texts are others, of 2.20."""
    getters = (
        (Attribute.__get__, _known("e2b47b8514db2ecd")),
        (Attribute.__set__, _known("a2c12a3e63802351")),
        (FieldAttribute.__get__, _known("aeac26b5d3d64e95")),
    )
    made = (
        (FieldAttributeBase.__init__, _known("8b425b62856ec909")),
        (Task.__init__, _known("d297573adf051377")),
        (TaskInclude.__init__, _known("2b500764ebacaba1")),
        (Block.__init__, _known("6a4babf7742d849e")),
        (PlayContext.__init__, _known("8a7258442d4e510b")),
    )
    checks = (
        (FieldAttributeBase.post_validate_attribute, _known("82f54776c385575c")),
        (FieldAttributeBase.get_validated_value, _known("242bc1c2f75b5a91")),
        (FieldAttributeBase._get_validated_value, _known("fe78a27d0779cb37")),
    )
    load, found = DataLoader.load_from_file, PluginLoader._find_fq_plugin
    copied, validated = FieldAttributeBase.copy, FieldAttributeBase.post_validate
    return (
        Shortcut(DataLoader, "load_from_file", _load_from_file, ((load, _known("6eb5170160b3c40c")),)),
        Shortcut(FieldAttributeBase, "copy", _copy, ((copied, _known("5a01585a9551187b")), *getters, *made)),
        Shortcut(
            FieldAttributeBase,
            "post_validate",
            _post_validate,
            ((validated, _known("052ac30bd53030e4", "e63ec18b9457bb19")), *getters, *checks),
        ),
        Shortcut(
            PluginLoader,
            "_find_fq_plugin",
            _find_plugin,
            ((found, _known("c4bd5fce2dd9d071")), (PluginLoadContext.resolve, _known("3f6a4f4cd76f16ef"))),
        ),
        Shortcut(manager, "clean_facts", _clean_facts, ((clean.clean_facts, _known("1d70a12d196d9ae4")),)),
    )


def install() -> list[str]:
    """Put those in place that fit; returns the names of those that do not."""
    misfits = []
    for shortcut in shortcuts():
        if shortcut.fits():
            shortcut.install()
        else:
            misfits.append(shortcut.name)
    return misfits
