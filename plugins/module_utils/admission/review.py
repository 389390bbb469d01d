"""AdmissionReview v1: what the API server asks, and the answer.

In: the decoded JSON of a request. Out: a Review; then, for a Verdict or a Mutation, the JSON of the answer. Raises MalformedReview for
whatever is not an AdmissionReview; what the object in it looks like is not this file's concern.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import refusal, request, tree
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

API_VERSION = "admission.k8s.io/v1"
#: nobody's object is deeper; what is would only exhaust the stack
DEEPEST = 100
_ACCOUNTS = ("kubevirt-apiserver", "kubevirt-controller", "kubevirt-handler", "kubevirt-operator")


class MalformedReview(errors.PermanentError):
    """The request's body is not what the API server sends."""


@dataclass(frozen=True, kw_only=True)
class Review:
    """One question: may this object be stored? `old` is None when it is made; `version` is the one in which it is posted."""

    uid: str
    group: str
    version: str
    kind: str
    operation: str
    namespace: str
    name: str
    user: str
    subresource: str
    obj: Mapping[str, Any]
    old: Mapping[str, Any] | None

    @property
    def concerns_us(self) -> bool:
        """Whether there is anything to judge: an object that is made or changed itself, not its status or scale."""
        return self.operation in ("CREATE", "UPDATE") and not self.subresource

    def is_own_account(self, namespace: str) -> bool:
        """Whether one of playvirt's own accounts asks, installed in that namespace."""
        return self.user in own_accounts(namespace)


def own_accounts(namespace: str) -> tuple[str, ...]:
    """The user names of playvirt's service accounts."""
    return tuple(f"system:serviceaccount:{namespace}:{account}" for account in _ACCOUNTS)


def check_depth(value: Any) -> None:
    """Raises MalformedReview for JSON that is nested too deeply to be an object of Kubernetes."""
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise MalformedReview(f"the body is nested more than {DEEPEST} levels deep")


def _optional_object(asked: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    found = asked.get(key)
    if found is None or isinstance(found, Mapping):
        return found
    raise MalformedReview(f"request.{key} is no object")


def decode(body: Any) -> Review:
    """The question in a decoded AdmissionReview."""
    if not isinstance(body, Mapping) or body.get("kind") != "AdmissionReview" or body.get("apiVersion") != API_VERSION:
        raise MalformedReview(f"the body is no AdmissionReview of {API_VERSION}")
    asked = body.get("request")
    if not isinstance(asked, Mapping) or not isinstance(asked.get("uid"), str) or not asked["uid"]:
        raise MalformedReview("the AdmissionReview has no request with a uid")
    check_depth(asked)
    obj, old, operation = (
        _optional_object(asked, "object"),
        _optional_object(asked, "oldObject"),
        tree.text(asked, "operation"),
    )
    if operation in ("CREATE", "UPDATE") and obj is None:
        raise MalformedReview(f"request.object is missing in a request to {operation}")
    if operation == "UPDATE" and old is None:
        raise MalformedReview("request.oldObject is missing in a request to UPDATE")
    kind = tree.section(asked, "kind")
    return Review(
        uid=asked["uid"],
        group=tree.text(kind, "group"),
        version=tree.text(kind, "version"),
        kind=tree.text(kind, "kind"),
        operation=operation,
        namespace=tree.text(asked, "namespace"),
        name=tree.text(asked, "name"),
        user=tree.text(tree.section(asked, "userInfo"), "username"),
        subresource=tree.text(asked, "subResource"),
        obj=obj or {},
        old=old if operation == "UPDATE" else None,
    )


def _answer(uid: str, **response: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": {"uid": uid, **response}}


def _warnings(warnings: Sequence[str]) -> dict[str, Any]:
    return {"warnings": list(warnings)} if warnings else {}


def allow(uid: str, *, warnings: Sequence[str] = (), patch: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Yes, with warnings, and with a JSON patch where there is one."""
    changes: dict[str, Any] = {}
    if patch:
        encoded = base64.b64encode(json.dumps(list(patch)).encode()).decode()
        changes = {"patchType": "JSONPatch", "patch": encoded}
    return _answer(uid, allowed=True, **changes, **_warnings(warnings))


def refuse(asked: Review, verdict: request.Verdict) -> dict[str, Any]:
    """No, and why."""
    bad = {"reason": "BadRequest", "code": 400}
    if verdict.causes:
        details = {"name": asked.name, "group": asked.group, "kind": asked.kind}
        status = refusal.status(verdict.causes, details={key: text for key, text in details.items() if text})
        if verdict.error:
            # Of what is Invalid, kubectl shows the causes alone, and the error is none.
            status |= {**bad, "message": f"{verdict.error}, {status['message']}"}
    else:
        status = {"status": "Failure", **bad, "message": verdict.error}
    return _answer(asked.uid, allowed=False, status=status, **_warnings(verdict.warnings))


def respond(asked: Review, verdict: request.Verdict) -> dict[str, Any]:
    """Yes or no, as the verdict says."""
    return allow(asked.uid, warnings=verdict.warnings) if verdict.is_allowed else refuse(asked, verdict)
