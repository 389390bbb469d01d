"""When certificates are made: first, in time, and an authority only after it has been trusted for a while."""

from __future__ import annotations

import datetime

from ansible_collections.playvirt.core.plugins.module_utils.installation import certificates

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)


def days(count: float) -> datetime.datetime:
    return NOW + datetime.timedelta(days=count)


def decide(**found: object) -> certificates.Decision:
    facts = {"authority_until": days(700), "serving_until": days(80), "fits": True, **found}
    return certificates.decide(certificates.Facts(**facts), now=NOW)  # type: ignore[arg-type]


def test_at_first_everything_is_made() -> None:
    found = certificates.decide(certificates.Facts(), now=NOW)
    assert (found.new_authority, found.new_serving, found.new_next, found.promote) == (True, True, False, False)
    assert found.again == days(60)


def test_an_authority_that_is_over_is_replaced_at_once() -> None:
    found = decide(authority_until=days(-1))
    assert (found.new_authority, found.new_serving) == (True, True)


def test_nothing_to_do() -> None:
    found = decide()
    assert not found.changes
    assert found.again == days(50)


def test_a_serving_certificate_is_renewed_long_before_its_end_or_when_it_does_not_fit() -> None:
    for found in (decide(serving_until=days(29)), decide(serving_until=None), decide(fits=False)):
        assert (found.new_serving, found.new_authority, found.promote) == (True, False, False)
        assert found.again == days(60)


def test_an_authority_to_follow_is_trusted_first_and_signs_later() -> None:
    first = decide(authority_until=days(170))
    assert (first.new_next, first.promote, first.new_serving) == (True, False, False)
    assert first.again == NOW + certificates.OVERLAP
    waiting = decide(authority_until=days(170), next_since=NOW)
    assert not waiting.changes
    assert waiting.again == NOW + certificates.OVERLAP
    then = decide(authority_until=days(170), next_since=NOW - certificates.OVERLAP)
    assert (then.promote, then.new_serving, then.new_next) == (True, True, False)
    assert then.again == days(60)
