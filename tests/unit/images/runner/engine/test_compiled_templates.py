"""Compiled templates are kept by everything that their code depends on, and by nothing else.

Not here: that plays give the same results with it (test_engine.py runs the same role inline, with it, and forked).
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible._internal._templating import _jinja_bits as bits
from ansible_collections.playvirt.core.images.runner.engine import compiled_templates


class Counted:
    """ansible-core's environment class with the cache in front, and how often it had to compile."""

    def __init__(self) -> None:
        self.count = 0
        cache = compiled_templates.CodeCache(bits._TEMPLATE_OVERRIDE_FIELD_NAMES, bits._TemplateCompileContext)
        counted = self

        class Environment(bits.AnsibleEnvironment):  # type: ignore[misc]
            def compile(
                self, source: Any, name: Any = None, filename: Any = None, raw: Any = False, defer_init: Any = False
            ) -> Any:
                return cache.compile(counted.compile, self, source, (name, filename, raw, defer_init))

            def compile_expression(self, source: str, undefined_to_none: bool = True) -> Any:
                original = bits.AnsibleEnvironment.compile_expression
                return cache.compile_expression(original, self, source, undefined_to_none=undefined_to_none)

        self.environment_class = Environment

    def compile(self, *arguments: Any) -> Any:
        self.count += 1
        return bits.AnsibleEnvironment.compile(*arguments)

    def environment(self, **syntax: Any) -> Any:
        found = self.environment_class()
        for name, value in syntax.items():
            setattr(found, name, value)
        return found


@pytest.fixture
def counted() -> Counted:
    return Counted()


def code_of(template: Any) -> Any:
    return template.root_render_func.__code__


def test_it_fits_the_installed_ansible_core() -> None:
    assert compiled_templates.fits()


def test_a_text_is_compiled_once_for_all_environments(counted: Counted) -> None:
    first = counted.environment().from_string("{{ a }} and {{ b }}")
    second = counted.environment().from_string("{{ a }} and {{ b }}")
    assert counted.count == 1
    assert code_of(first) is code_of(second)
    assert first is not second


def test_texts_and_expressions_are_kept_apart(counted: Counted) -> None:
    environment = counted.environment()
    environment.from_string("a")
    expression = environment.compile_expression("a", False)
    again = counted.environment().compile_expression("a", False)
    assert counted.count == 2
    assert code_of(expression._template) is code_of(again._template)
    assert again._undefined_to_none is False
    assert counted.environment().compile_expression("a", True)._undefined_to_none is True
    assert counted.count == 2


def test_another_syntax_is_another_code(counted: Counted) -> None:
    counted.environment().from_string("[[ a ]] {{ a }}")
    other = counted.environment(variable_start_string="[[", variable_end_string="]]")
    other.from_string("[[ a ]] {{ a }}")
    assert counted.count == 2


@pytest.mark.parametrize("escape_backslashes", [True, False])
def test_how_backslashes_are_read_is_part_of_the_key(counted: Counted, escape_backslashes: bool) -> None:
    text = r"{{ 'a\tb' }}"
    counted.environment().from_string(text)
    with bits._TemplateCompileContext(escape_backslashes=escape_backslashes):
        counted.environment().from_string(text)
        counted.environment().from_string(text)
    assert counted.count == 2


def test_what_cannot_be_compiled_is_refused_each_time(counted: Counted) -> None:
    for _ in range(2):
        with pytest.raises(bits.jinja2.TemplateSyntaxError):
            counted.environment().compile_expression("a +", False)
        with pytest.raises(bits.jinja2.TemplateSyntaxError):
            counted.environment().from_string("{{ a")


def test_the_number_of_kept_texts_is_bounded(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_templates, "LIMIT", 2)
    small = Counted()
    for text in ("1", "2", "3", "1"):
        small.environment().from_string(text)
    assert small.count == 4
