"""What `--ansible-args` may say: the arguments that ansible-operator hands on to ansible's command line.

In: the text. Out: `AnsibleArguments`: extra variables and verbosity; everything else is refused, since no command line is started here. Pure.
Called by `options.py`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_HINT = "only -e/--extra-vars (name=value or a JSON object) and -v are understood; ansible's settings can be given as ANSIBLE_* variables"


@dataclass(frozen=True, kw_only=True)
class AnsibleArguments:
    """Extra variables for every run, and v's added to the verbosity."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    verbosity: int = 0


def parse(text: str) -> AnsibleArguments:
    """The arguments of the text; raises ValueError that names what is not understood."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"--ansible-args: {error}") from None
    variables: dict[str, Any] = {}
    verbosity = 0
    while words:
        word = words.pop(0)
        if word.startswith("-v") and set(word[1:]) == {"v"}:
            verbosity += len(word) - 1
        elif word in ("-e", "--extra-vars") and words:
            variables.update(_variables(words.pop(0)))
        elif word.startswith("--extra-vars="):
            variables.update(_variables(word.partition("=")[2]))
        elif word.startswith("-e") and len(word) > 2:
            variables.update(_variables(word[2:]))
        else:
            raise ValueError(f"--ansible-args: '{word}': {_HINT}")
    return AnsibleArguments(variables=variables, verbosity=verbosity)


def _variables(text: str) -> dict[str, Any]:
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ValueError(f"--ansible-args: -e '{text}': {error}") from None
        return dict(found)
    found = {}
    for pair in shlex.split(text):
        name, separator, value = pair.partition("=")
        if not separator:
            raise ValueError(f"--ansible-args: -e '{pair}': {_HINT}")
        found[name] = value
    return found
