"""Compile each template once per process: ansible-core parses and compiles every `when` and argument again for each task that it runs.

In: `install()`, once, in the zygote. Out: whether the installed ansible-core fits; where it does not, nothing is changed. What is kept is the code that Jinja
makes of a text, never a value; ansible-core decides as before, and before this is reached, whether a text is trusted to be a template at all.
The other files that know private parts of ansible-core are inline_tasks.py and warm_modules.py. Called by `zygote.py`.
"""

from __future__ import annotations

import inspect
import types
from typing import Any

import jinja2
from jinja2.utils import LRUCache

# Distinct texts; those of all roles of an operator, many times over.
LIMIT = 4096
_COMPILE = ["self", "source", "name", "filename", "raw", "defer_init"]


class CodeCache:
    """The compiled code of templates and expressions, by text and everything else that the code depends on."""

    def __init__(self, fields: tuple[str, ...], context: Any) -> None:
        """`fields` are the environment's attributes that change the syntax, `context` the ambient compile context."""
        self._fields = fields
        self._context = context
        self._codes: LRUCache = LRUCache(LIMIT)
        self._made: types.CodeType | None = None

    def _key(self, environment: Any, source: str, *more: Any) -> tuple[Any, ...]:
        ambient = self._context.current(optional=True)
        syntax = tuple(getattr(environment, name) for name in self._fields)
        return (str.__str__(source), ambient and ambient.escape_backslashes, syntax, *more)

    def compile(self, original: Any, environment: Any, source: Any, arguments: tuple[Any, ...]) -> Any:
        """The code of a template's text, or of an expression's tree, which is only remembered for `compile_expression`."""
        name, filename, raw, defer_init = arguments
        if not isinstance(source, str) or raw:
            made = original(environment, source, name, filename, raw, defer_init)
            self._made = None if raw else made
            return made
        key = self._key(environment, source, name, filename, defer_init)
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = original(environment, source, name, filename, raw, defer_init)
        return code

    def compile_expression(self, original: Any, environment: Any, source: str, *, undefined_to_none: bool) -> Any:
        """What the environment makes of an expression, from the code that it was compiled to before."""
        key = self._key(environment, source, "expression")
        code = self._codes.get(key)
        if code is None:
            self._made = None
            expression = original(environment, source, undefined_to_none)
            if self._made is not None:
                self._codes[key] = self._made
            return expression
        template = environment.template_class.from_code(environment, code, environment.make_globals(None), None)
        return jinja2.environment.TemplateExpression(template, undefined_to_none)


def fits() -> bool:
    """Whether the private parts of the installed ansible-core are those that this file was written for."""
    try:
        from ansible._internal._templating import _jinja_bits as bits

        known = list(inspect.signature(bits.AnsibleEnvironment.compile).parameters)
        fields, context = bits._TEMPLATE_OVERRIDE_FIELD_NAMES, bits._TemplateCompileContext
        debugging = bits.AnsibleEnvironment._debuggable_template_source
    except (ImportError, AttributeError, TypeError, ValueError):
        return False
    own = "compile" not in vars(bits.AnsibleEnvironment) and "compile_expression" in vars(bits.AnsibleEnvironment)
    slots = "escape_backslashes" in getattr(context, "__annotations__", {}) and isinstance(fields, tuple)
    return known == _COMPILE and own and slots and not debugging


def install() -> bool:
    """Keep compiled templates in this process; False, and nothing changed, where that does not fit."""
    if not fits():
        return False
    from ansible._internal._templating import _jinja_bits as bits

    environment_class = bits.AnsibleEnvironment
    cache = CodeCache(bits._TEMPLATE_OVERRIDE_FIELD_NAMES, bits._TemplateCompileContext)
    compile_original, expression_original = environment_class.compile, environment_class.compile_expression

    def compile_once(
        self: Any,
        source: Any,
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:
        return cache.compile(compile_original, self, source, (name, filename, raw, defer_init))

    def compile_expression_once(self: Any, source: str, undefined_to_none: bool = True) -> Any:
        return cache.compile_expression(expression_original, self, source, undefined_to_none=undefined_to_none)

    environment_class.compile = compile_once
    environment_class.compile_expression = compile_expression_once
    return True
