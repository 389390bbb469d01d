"""A watch's `filter`: a JMESPath expression over the object; where its answer is false or empty, no run is started.

In: the expression's text, once; then objects. Out: whether the object is for this watch. Pure. Called by `watch_keys.py` and `reconciler.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath
from jmespath import exceptions


@dataclass(frozen=True)
class Filter:
    """A compiled expression; equal where the text is."""

    text: str
    _compiled: Any = field(compare=False, repr=False)

    def __call__(self, obj: Mapping[str, Any]) -> bool:
        """Whether the expression's answer is true in JMESPath's sense: not null, false, or empty.

        Raises ValueError where the expression does not fit the object, such as a function of a number that meets a text.
        """
        try:
            found = self._compiled.search(obj)
        except exceptions.JMESPathError as error:
            raise ValueError(f"'filter: {self.text}': {error}") from None
        return not (found is None or found is False or found in ("", [], {}))


def compile_filter(text: str) -> Filter:
    """The filter of an expression.

    Raises ValueError for what is no JMESPath.
    """
    try:
        return Filter(text, jmespath.compile(text))
    except exceptions.JMESPathError as error:
        raise ValueError(f"'filter: {text}' is no JMESPath expression: {' '.join(str(error).split())}") from None
