"""The three webhooks: what comes in as decoded JSON, what goes out as JSON.

In: an AdmissionReview or ConversionReview. Out: an Answer with the review's answer and how it ended. Raises MalformedReview for a body that is none.
Everything that is decided is decided in the library (`module_utils/admission`, `module_utils/conversion`); here it is put together with what the cluster
knows.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.playvirt.core.images.runner.telemetry import log
from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    json_patch,
    judge,
    mutate,
    request,
    review,
    site_rules,
    versions,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.conversion import review as conversion_review

from . import site_rule_process, surroundings

LOG = logging.getLogger("virt_api.webhooks")


@dataclass(frozen=True)
class Answer:
    """The JSON to send, the kind that it was about, and how it ended (for metrics)."""

    body: dict[str, Any]
    kind: str
    outcome: str


Webhook = Callable[[Any], Awaitable[Answer]]


class Webhooks:
    """The handlers, by the last part of their path."""

    def __init__(self, cluster: surroundings.Cluster, rules: site_rule_process.SiteRules) -> None:
        self._cluster = cluster
        self._rules = rules
        self.handlers: Mapping[str, Webhook] = {
            "validate": self.validate,
            "mutate": self.mutate,
            "convert": self.convert,
        }

    async def _request(self, asked: review.Review) -> request.Request:
        """The question as the library takes it: in v1, with what lies around it."""
        settings = self._cluster.settings()
        return request.Request(
            obj=versions.modern(asked.obj),
            old=None if asked.old is None else versions.modern(asked.old),
            settings=settings,
            surroundings=await self._cluster.around(asked),
            own_account=asked.is_own_account(settings.namespace),
        )

    async def validate(self, body: Any) -> Answer:
        """Yes or no."""
        asked = review.decode(body)
        if not asked.concerns_us:
            return Answer(review.allow(asked.uid), asked.kind, "allowed")
        try:
            question = await self._request(asked)
        except errors.PlayvirtError as error:
            return self._failed(asked, error)
        verdict = judge.judge(asked.kind, question)
        is_asked = site_rules.is_asked(asked.kind, question.obj, question.old)
        if verdict.is_allowed and is_asked and not question.own_account:
            causes = await self._rules.ask(question.settings.site_rules, question.obj, question.old)
            verdict = replace(verdict, causes=tuple(causes))
        verdict = versions.as_posted(verdict, asked.obj)
        return Answer(review.respond(asked, verdict), asked.kind, "allowed" if verdict.is_allowed else "refused")

    async def mutate(self, body: Any) -> Answer:
        """The object with what it lacks."""
        asked = review.decode(body)
        if not asked.concerns_us or not versions.is_modern(asked.obj):
            return Answer(review.allow(asked.uid), asked.kind, "allowed")
        try:
            question = await self._request(asked)
        except errors.PlayvirtError as error:
            return self._failed(asked, error)
        found = mutate.mutate(asked.kind, question, lambda: str(uuid.uuid4()))
        if found.causes:
            refused = request.Verdict(causes=found.causes, warnings=found.warnings)
            return Answer(review.refuse(asked, refused), asked.kind, "refused")
        patch = json_patch.between(asked.obj, found.obj)
        return Answer(review.allow(asked.uid, warnings=found.warnings, patch=patch), asked.kind, "allowed")

    async def convert(self, body: Any) -> Answer:
        """Objects in another version."""
        review.check_depth(body)
        try:
            answer = conversion_review.answer(body if isinstance(body, Mapping) else {})
        except errors.InvalidObject as error:
            raise review.MalformedReview(str(error)) from error
        outcome = "converted" if answer["response"]["result"]["status"] == "Success" else "failed"
        return Answer(answer, "VirtualMachine", outcome)

    @staticmethod
    def _failed(asked: review.Review, error: errors.PlayvirtError) -> Answer:
        """The cluster did not tell what has to be known: refused, since nothing passes unjudged."""
        told = log.fields(kind=asked.kind, object=f"{asked.namespace}/{asked.name}", error=str(error))
        LOG.warning("cannot judge", extra=told)
        verdict = request.Verdict(error=f"virt-api cannot judge this now: {error}; try again")
        return Answer(review.refuse(asked, verdict), asked.kind, "failed")
