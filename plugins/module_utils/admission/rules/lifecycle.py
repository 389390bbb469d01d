"""Rules for host name, start, eviction and reboot."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import kube_names, subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

_EVICTION = ("LiveMigrate", "LiveMigrateIfPossible", "None", "External")


def _names(it: subject.Subject) -> Iterator[Cause]:
    for name, rules, problems in (
        ("hostname", "DNS_LABEL", kube_names.dns_label),
        ("subdomain", "DNS_SUBDOMAIN", kube_names.dns_subdomain),
    ):
        value, field = tree.text(it.spec, name), it.at(name)
        if value and (found := problems(value)):
            yield Cause(field, f"{field} does not conform to the kubernetes {rules} rules : {', '.join(found)}")


def _start(it: subject.Subject) -> Iterator[Cause]:
    strategy, field = tree.text(it.spec, "startStrategy"), it.at("startStrategy")
    if strategy and strategy != "Paused":
        yield Cause(field, f"{field} is set with an unrecognized option: {strategy}")
    elif strategy and tree.has(it.spec, "livenessProbe"):
        yield Cause(
            field,
            f"either {field} or {it.at('livenessProbe')} should be provided.Pausing VMI with LivenessProbe is not supported",
        )


def _eviction(it: subject.Subject) -> Iterator[Cause]:
    strategy, field = tree.text(it.spec, "evictionStrategy"), it.at("evictionStrategy")
    if strategy and strategy not in _EVICTION:
        yield Cause(field, f"{field} is set with an unrecognized option: {strategy}")


def _reboot(it: subject.Subject) -> Iterator[Cause]:
    if tree.has(it.domain, "rebootPolicy") and not it.settings.has_gate("RebootPolicy"):
        yield Cause(
            it.at("domain", "rebootPolicy"),
            "RebootPolicy is specified but the RebootPolicy feature gate is not enabled",
        )


RULES: tuple[subject.Rule, ...] = (_names, _start, _eviction, _reboot)
