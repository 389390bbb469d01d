"""Rules for what an instance asks of its node, and for its memory."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.playvirt.core.plugins.module_utils.admission import amounts, subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import REQUIRED, Cause

_PAGE_SIZE = ("domain", "memory", "hugepages", "pageSize")


def _not_negative(it: subject.Subject) -> Iterator[Cause]:
    for kind in ("requests", "limits"):
        asked = tree.section(it.domain, "resources", kind)
        for name in ("cpu", "memory"):
            if amounts.amount(asked, name) < 0:
                field = it.at("domain", "resources", kind, name)
                yield Cause(field, f"{field} '{asked[name]}': must be greater than or equal to 0.")


def _at_least_a_megabyte(it: subject.Subject) -> Iterator[Cause]:
    """A request of nothing means that the guest's own memory counts; a guest always needs some."""
    requests, memory = tree.section(it.domain, "resources", "requests"), tree.section(it.domain, "memory")
    if 0 < amounts.amount(requests, "memory") < amounts.MEGABYTE:
        field = it.at("domain", "resources", "requests", "memory")
        yield Cause(field, f"{field} '{requests['memory']}': must be greater than or equal to 1M.")
    if tree.has(memory, "guest") and amounts.amount(memory, "guest") < amounts.MEGABYTE:
        field = it.at("domain", "memory", "guest")
        yield Cause(field, f"{field} '{memory['guest']}': must be greater than or equal to 1M.")


def _within_limits(it: subject.Subject) -> Iterator[Cause]:
    requests, limits = (tree.section(it.domain, "resources", kind) for kind in ("requests", "limits"))
    for name in ("memory", "cpu"):
        if 0 < amounts.amount(limits, name) < amounts.amount(requests, name):
            field, limit = it.at("domain", "resources", "requests", name), it.at("domain", "resources", "limits", name)
            yield Cause(field, f"{field} '{requests[name]}' is greater than {limit} '{limits[name]}'")


def _hugepages(it: subject.Subject) -> Iterator[Cause]:
    """The memory that is backed by pages is a whole number of them: the request, or the guest's memory where nothing is requested."""
    hugepages = tree.section(it.domain, "memory", "hugepages")
    if not tree.has(tree.section(it.domain, "memory"), "hugepages"):
        return
    written = tree.text(hugepages, "pageSize")
    page, page_field = amounts.parse(written), it.at(*_PAGE_SIZE)
    if page is None or page <= 0:
        yield Cause(page_field, f"{page_field} '{written}': {amounts.FORMAT_ERROR}")
        return
    memory = tree.section(it.domain, "resources", "requests")
    parts: tuple[str, ...] = ("domain", "resources", "requests", "memory")
    if not tree.has(memory, "memory"):
        memory, parts = {"memory": tree.section(it.domain, "memory").get("guest")}, ("domain", "memory", "guest")
    if memory.get("memory") is None:
        return
    size, field, value = amounts.whole(amounts.amount(memory, "memory")), it.at(*parts), memory["memory"]
    if size < page:
        yield Cause(
            field, f"{field} '{value}' must be equal to or larger than page size {page_field} '{hugepages['pageSize']}'"
        )
    elif int(size) % max(1, int(page)) != 0:
        yield Cause(
            field, f"{field} '{value}' is not a multiple of the page size {page_field} '{hugepages['pageSize']}'"
        )


def _guest_within_limit(it: subject.Subject) -> Iterator[Cause]:
    """With live update of running guests the limit follows the guest, so nothing is to be said."""
    memory, limits = tree.section(it.domain, "memory"), tree.section(it.domain, "resources", "limits")
    if not it.settings.live_update and 0 < amounts.amount(limits, "memory") < amounts.amount(memory, "guest"):
        field, limit = it.at("domain", "memory", "guest"), it.at("domain", "resources", "limits", "memory")
        yield Cause(
            field,
            f"{field} '{memory['guest']}' must be equal to or less than the memory limit {limit} '{limits['memory']}'",
        )


def memory_given(it: subject.Subject) -> Iterator[Cause]:
    """Some memory has to be asked for; only where defaults have been applied."""
    memory, asked = tree.section(it.domain, "memory"), tree.section(it.domain, "resources", "requests")
    if not (tree.has(memory, "guest") or tree.has(memory, "hugepages") or amounts.amount(asked, "memory")):
        guest, pages = it.at("domain", "memory", "guest"), it.at(*_PAGE_SIZE)
        request = it.at("domain", "resources", "requests", "memory")
        yield Cause(
            guest, f"no memory requested, at least one of '{guest}', '{pages}' or '{request}' must be set", REQUIRED
        )


RULES: tuple[subject.Rule, ...] = (
    _not_negative,
    _at_least_a_megabyte,
    _within_limits,
    _hugepages,
    _guest_within_limit,
)
