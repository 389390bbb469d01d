"""When the certificates of virt-api are made anew, so that at no moment a request is refused.

In: what the two Secrets hold, as dates and yes or no. Out: a Decision; pure, the keys themselves are made by module component_certificates. An
authority that is to follow is trusted first (its certificate is in every bundle) and signs only when it has been trusted for a while; the one before it stays
trusted as long as it is valid. A serving certificate is renewed long before its end, and virt-api reads the new one without a restart.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

AUTHORITY_SECRET, SERVING_SECRET = "kubevirt-ca", "kubevirt-virt-api-certs"
SERVICE = "virt-api"
#: on both Secrets: when to look at them again
RENEW_AFTER = "playvirt.io/renew-after"

AUTHORITY_DAYS, SERVING_DAYS = 730, 90
#: what is left of a certificate when the next one is made
_AUTHORITY_MARGIN, _SERVING_MARGIN = datetime.timedelta(days=180), datetime.timedelta(days=30)
#: how long a new authority is trusted before it signs
OVERLAP = datetime.timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What there is; None where there is nothing that can be used. `fits` says that the serving certificate is of this authority and names this Service."""

    authority_until: datetime.datetime | None = None
    next_since: datetime.datetime | None = None
    serving_until: datetime.datetime | None = None
    fits: bool = False


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do, in this order; `again` is when to look again once it is done."""

    new_authority: bool = False
    new_next: bool = False
    promote: bool = False
    new_serving: bool = False
    again: datetime.datetime

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return self.new_authority or self.new_next or self.promote or self.new_serving


def decide(found: Facts, *, now: datetime.datetime) -> Decision:
    """The decision."""
    serving_again = now + datetime.timedelta(days=SERVING_DAYS) - _SERVING_MARGIN
    if found.authority_until is None or found.authority_until <= now:
        return Decision(new_authority=True, new_serving=True, again=serving_again)
    promote = found.next_since is not None and found.next_since + OVERLAP <= now
    new_next = found.next_since is None and found.authority_until - _AUTHORITY_MARGIN <= now
    fresh = found.serving_until is not None and found.serving_until - _SERVING_MARGIN > now
    new_serving = promote or not (found.fits and fresh)
    again = serving_again if new_serving or found.serving_until is None else found.serving_until - _SERVING_MARGIN
    if new_next:
        again = min(again, now + OVERLAP)
    elif found.next_since is not None and not promote:
        again = min(again, found.next_since + OVERLAP)
    elif not promote:
        again = min(again, found.authority_until - _AUTHORITY_MARGIN)
    return Decision(new_next=new_next, promote=promote, new_serving=new_serving, again=again)


def service_names(namespace: str) -> tuple[str, ...]:
    """The names under which virt-api is reached."""
    return (SERVICE, f"{SERVICE}.{namespace}", f"{SERVICE}.{namespace}.svc")
