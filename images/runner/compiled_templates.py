"""Keeps what Jinja compiled, for the life of a worker: ansible-core compiles every template and condition anew each time a task meets it.

Called by `zygote.py` before it forks. It overrides two documented methods of Jinja (`Environment.compile` and `compile_expression`) on the
environment that ansible-core uses. Compiling depends on nothing but the text and the settings in the key, so the code is the same; only
trusted text, that of roles, is ever compiled. Where ansible-core has no such environment nothing is changed.
"""

from __future__ import annotations

import threading
from typing import Any

LIMIT = 4096


class CompiledCode:
    """Code by (what it is, text, settings); forgets everything when it is full."""

    def __init__(self) -> None:
        self._code: dict[Any, Any] = {}
        self.hits = 0

    def get(self, key: Any) -> Any | None:
        """The code, or None."""
        found = self._code.get(key)
        self.hits += found is not None
        return found

    def put(self, key: Any, code: Any) -> None:
        """Remember."""
        if len(self._code) >= LIMIT:
            self._code.clear()
        self._code[key] = code


def install() -> CompiledCode | None:
    """Override the methods; None, and nothing changed, where the installed ansible-core does not fit."""
    try:
        from ansible._internal._templating import _jinja_bits
        from jinja2.environment import TemplateExpression

        environment_class = _jinja_bits.AnsibleEnvironment
        context_class = _jinja_bits._TemplateCompileContext
        settings = tuple(_jinja_bits._TEMPLATE_OVERRIDE_FIELD_NAMES)
    except (ImportError, AttributeError):
        return None
    known = CompiledCode()
    capturing = threading.local()
    original_compile, original_expression = environment_class.compile, environment_class.compile_expression

    def key_of(environment: Any, what: str, source: str) -> Any:
        context = context_class.current(optional=True)
        escape = context is not None and context.escape_backslashes
        return (what, str.__str__(source), escape, *(getattr(environment, name) for name in settings))

    def compile_template(self: Any, source: Any, *arguments: Any, **keywords: Any) -> Any:
        if not isinstance(source, str) or arguments or keywords or self._debuggable_template_source:
            code = original_compile(self, source, *arguments, **keywords)
            capturing.code = code
            return code
        key = key_of(self, "template", source)
        code = known.get(key)
        if code is None:
            code = original_compile(self, source)
            known.put(key, code)
        return code

    def compile_expression(self: Any, source: str, undefined_to_none: bool = True) -> Any:
        key = key_of(self, "expression", source)
        code = known.get(key)
        if code is not None and not self._debuggable_template_source:
            template = self.template_class.from_code(self, code, self.make_globals(None), None)
            return TemplateExpression(template, undefined_to_none)
        expression = original_expression(self, source, undefined_to_none)
        known.put(key, capturing.code)
        return expression

    environment_class.compile = compile_template
    environment_class.compile_expression = compile_expression
    return known
