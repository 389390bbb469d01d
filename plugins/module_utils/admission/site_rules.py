"""Rules of a site's own: plugins with a function `validate(object, old) -> causes`.

In: the name of a rule: NAME for one in this collection's `plugins/plugin_utils/admission/`, NAMESPACE.COLLECTION.NAME for one in another's; an object, in
v1 whatever the version it was posted in, so that no older form goes around a rule. Out: its causes. A rule is somebody's code: what it raises, and an answer
that is none, becomes a SiteRuleError, never anything else. Called by virt-api's worker process, which also keeps the time, and by module validate.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import tree
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import INVALID, Cause

_OWN = "playvirt.core"
_PLACE = "ansible_collections.{collection}.plugins.plugin_utils.admission.{name}"
#: the kinds that site rules see; a KubeVirt is not among them, so that a rule can always be taken off again
KINDS = (
    "VirtualMachine",
    "VirtualMachineInstance",
    "VirtualMachineInstanceReplicaSet",
    "VirtualMachineInstancePreset",
    "VirtualMachineInstanceMigration",
    "MigrationPolicy",
)

Rule = Callable[[dict[str, Any], dict[str, Any] | None], Any]


class SiteRuleError(errors.PermanentError):
    """A site rule cannot be found, failed, or answered with something that is no list of causes."""


def load(name: str) -> Rule:
    """The function of a rule."""
    collection, _, short = name.rpartition(".")
    module_name = _PLACE.format(collection=collection or _OWN, name=short)
    try:
        found = getattr(importlib.import_module(module_name), "validate", None)
    except Exception as error:  # a plugin's own import may raise anything
        raise SiteRuleError(
            f"site rule '{name}' cannot be loaded: {error}; is its collection in the image of virt-api?"
        ) from error
    if not callable(found):
        raise SiteRuleError(f"site rule '{name}' has no function validate(object, old)")
    rule: Rule = found
    return rule


def _cause(answer: Any) -> Cause:
    if isinstance(answer, Cause):
        return answer
    if isinstance(answer, Mapping) and isinstance(answer.get("field"), str) and isinstance(answer.get("message"), str):
        return Cause(answer["field"], answer["message"], str(answer.get("type") or INVALID))
    raise TypeError(f"{type(answer).__name__} is no cause; write {{'field': ..., 'message': ...}}")


def run(name: str, rule: Rule, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """The causes of one rule; the rule gets copies."""
    try:
        before = None if old is None else tree.copied(old)
        return [_cause(answer) for answer in rule(tree.copied(obj), before) or ()]
    except Exception as error:
        raise SiteRuleError(f"site rule '{name}' failed: {type(error).__name__}: {error}") from error


def is_asked(kind: str, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    """Whether site rules are asked: about objects that are made, and changes of spec, labels or annotations."""
    if kind not in KINDS or tree.section(obj, "metadata").get("deletionTimestamp"):
        return False
    if old is None or tree.section(obj, "spec") != tree.section(old, "spec"):
        return True
    before, after = tree.section(old, "metadata"), tree.section(obj, "metadata")
    return any(before.get(part) != after.get(part) for part in ("labels", "annotations"))


def _value(obj: Any, field: str) -> Any:
    for step in field.replace("[", ".[").split("."):
        if step.startswith("[") and step.endswith("]"):
            index = step[1:-1]
            known = isinstance(obj, list) and index.isdigit() and int(index) < len(obj)
            obj = obj[int(index)] if known else None
        else:
            obj = obj.get(step) if isinstance(obj, Mapping) else None
    return obj


def changed(causes: Sequence[Cause], obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """The causes about fields that the update changes; all of them when the object is made."""
    if old is None:
        return list(causes)
    return [cause for cause in causes if not cause.field or _value(obj, cause.field) != _value(old, cause.field)]


def broken(error: SiteRuleError) -> Cause:
    """What a client is told of a rule that does not work: nothing passes unjudged, and who can mend it is named."""
    message = f"{error}; ask the cluster's administrator to mend it, or to take it off spec.configuration.admission.siteRules of the KubeVirt"
    return Cause("", message)
