"""Names of a spec in snake case, as ansible-operator gives them to roles.

In: a spec. Out: the same values under other names, at all depths. A change from small to capital letters ends a word; a run of capitals is one word;
`HTTP`, `URL` and `IP`, and their plurals, are words of their own; a space, `-` or `_` separates words; a name that begins with a capital gets a leading
`_`. Digits belong to the letters around them (`sizeK8sBuckets` is `size_k8s_buckets`), except in a row of letter, digits, letter, digits. Pure.
Called by `extra_vars.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SPECIAL = ("HTTP", "URL", "IP")
_NUMBERED = re.compile(r"([A-Za-z])([0-9]+)([A-Za-z][0-9]+)")
_SEPARATOR = re.compile(r"[ _-]")


def convert(value: Any) -> Any:
    """The value with every key of every mapping in it converted."""
    if isinstance(value, Mapping):
        return {to_snake(str(key)): convert(item) for key, item in value.items()}
    if isinstance(value, list):
        return [convert(item) for item in value]
    return value


def to_snake(name: str) -> str:
    """The snake case of one name."""
    text = _NUMBERED.sub(r"\1 \2 \3", name).strip(" ")
    if not text:
        return text
    capital = "A" <= text[0] <= "Z"
    if text != text.upper():
        for word in _SPECIAL:
            text = _set_apart(text, word)
    words = [word.lower() for chunk in _SEPARATOR.split(text) for word in _words(chunk)]
    prefix = "_" if capital and words[0].upper() not in _SPECIAL else ""
    return prefix + "_".join(words)


def _set_apart(text: str, word: str) -> str:
    """Put `_` around the first occurrence of a special word, which takes a following `s` with it."""
    before, found, after = text.partition(word)
    if not found:
        return text
    plural = after.startswith("s")
    if plural:
        found, after = found + "S", after[1:]
    # A plural that is the whole rest keeps its separator even at the very start.
    left = "_" if before or not after else ""
    return f"{before}{left}{found}{'_' if after else ''}{after}"


def _words(chunk: str) -> list[str]:
    words, current = [], ""
    for char, following in zip(chunk, [*chunk[1:], " "], strict=False):
        if current and _is_upper(char) and _is_lower(following):
            words.append(current)
            current = char
        elif current and _is_lower(char) and _is_upper(following):
            words.append(current + char)
            current = ""
        else:
            current += char
    return [*words, current]


def _is_upper(char: str) -> bool:
    return "A" <= char <= "Z"


def _is_lower(char: str) -> bool:
    return "a" <= char <= "z"
