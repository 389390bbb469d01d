"""Validation of a MigrationPolicy: its numbers.

In: a Request. Out: a Verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import amounts, request, tree, updates
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

_AMOUNTS = ("bandwidthPerMigration", "completionTimeoutPerGiB", "maxDowntimeMs")


def _causes(policy: Mapping[str, Any]) -> Iterator[Cause]:
    spec = tree.section(policy, "spec")
    for name in _AMOUNTS:
        if amounts.amount(spec, name) < 0:
            yield Cause(tree.path("spec", name), "must not be negative")


def validate(asked: request.Request) -> request.Verdict:
    """The verdict."""
    found = list(_causes(asked.obj))
    if asked.old is not None:
        found = updates.introduced(found, asked.obj, list(_causes(asked.old)), asked.old)
    return request.Verdict(causes=tuple(found))
