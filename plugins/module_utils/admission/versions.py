"""Objects that are posted in the oldest version, kubevirt.io/v1alpha1: judged in v1, answered in the words of the client.

In: a posted object; a Verdict about its v1 form. Out: that v1 form; the Verdict with the paths of the fields that the client wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import request, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause
from ansible_collections.playvirt.core.plugins.module_utils.conversion import virtualmachine as conversion

_PATH = re.compile(r"spec\.[A-Za-z0-9]+(?:\.[A-Za-z0-9]+|\[\d+\])*")
#: a longer message carries a value of the client's and is left as it is
_LONGEST = 2000


def is_modern(obj: Mapping[str, Any]) -> bool:
    """Whether the object has the shape of v1."""
    return obj.get("apiVersion") != conversion.V1ALPHA1 or obj.get("kind") != "VirtualMachine"


def modern(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object in v1; as it is where it has that shape already."""
    return obj if is_modern(obj) else conversion.convert(obj, conversion.V1)


def as_posted(verdict: request.Verdict, posted: Mapping[str, Any]) -> request.Verdict:
    """The verdict about an object's v1 form with the field names of the version that the client used."""
    if is_modern(posted):
        return verdict
    direct = conversion.is_direct(tree.section(posted, "spec"))

    def field(path: str) -> str:
        # A machine with spec.domain has no run strategy: that it runs once is what spec.domain says.
        return "spec.domain" if direct and path == "spec.runStrategy" else conversion.field_as_posted(posted, path)

    def told(message: str) -> str:
        return _PATH.sub(lambda found: field(found.group()), message) if len(message) <= _LONGEST else message

    causes = tuple(Cause(field(cause.field), told(cause.message), cause.type) for cause in verdict.causes)
    return replace(verdict, causes=causes, warnings=tuple(map(told, verdict.warnings)))
