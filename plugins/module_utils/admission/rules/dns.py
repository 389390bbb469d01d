"""Rules for the pod's name resolution, which are those of Kubernetes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import kube_names, subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_SUPPORTED, REQUIRED, Cause

_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_NAMESERVERS, _SEARCHES, _SEARCH_CHARACTERS = 3, 6, 256


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _policy(it: subject.Subject) -> Iterator[Cause]:
    policy = tree.text(it.spec, "dnsPolicy")
    if policy and policy not in _POLICIES:
        yield Cause(
            it.at("dnsPolicy"),
            f"DNSPolicy: {policy} is not supported, valid values: [{' '.join(_POLICIES)} ]",
            NOT_SUPPORTED,
        )


def _nameservers(it: subject.Subject) -> Iterator[Cause]:
    servers, field = tree.strings(it.spec, "dnsConfig", "nameservers"), it.at("dnsConfig", "nameservers")
    if tree.text(it.spec, "dnsPolicy") == "None":
        if not tree.has(it.spec, "dnsConfig"):
            yield Cause(it.at("dnsConfig"), "must provide `dnsConfig` when `dnsPolicy` is None", REQUIRED)
        elif not servers:
            yield Cause(field, "must provide at least one DNS nameserver when `dnsPolicy` is None", REQUIRED)
    if len(servers) > _NAMESERVERS:
        yield Cause(field, f"must not have more than {_NAMESERVERS} nameservers: [{' '.join(servers)}]")
    for server in servers:
        if not _is_address(server):
            yield Cause(field, f"must be valid IP address: {server}")


def _searches(it: subject.Subject) -> Iterator[Cause]:
    searches, field = tree.strings(it.spec, "dnsConfig", "searches"), it.at("dnsConfig", "searches")
    if len(searches) > _SEARCHES:
        yield Cause(field, f"must not have more than {_SEARCHES} search paths")
    if len(" ".join(searches)) > _SEARCH_CHARACTERS:
        yield Cause(
            field, f"must not have more than {_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        )
    for search in searches:
        for problem in kube_names.dns_subdomain(search):
            yield Cause(field, problem)


def _options(it: subject.Subject) -> Iterator[Cause]:
    for option in tree.entries(it.spec, "dnsConfig", "options"):
        if not tree.text(option, "name"):
            yield Cause(it.at("dnsConfig", "options"), "Option.Name must not be empty")


RULES: tuple[subject.Rule, ...] = (_policy, _nameservers, _searches, _options)
