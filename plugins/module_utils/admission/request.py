"""What a validator is asked, and what it answers.

In: an AdmissionReview's request, decoded, with what the cluster knows around it; or an object from a file. Out: a Verdict. The functions of this room take
nothing else: no clock, no API server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.admission import subject, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What lies around an object: the presets of its namespace, the instance that a migration names (None where there is none) and that
    instance's migrations. `is_known` is false where there is no cluster to look at, so that nothing is concluded from emptiness."""

    presets: Sequence[Mapping[str, Any]] = ()
    vmi: Mapping[str, Any] | None = None
    migrations: Sequence[Mapping[str, Any]] = ()
    is_known: bool = True


@dataclass(frozen=True, kw_only=True)
class Request:
    """An object to judge, and the object that it replaces (None when it is made); `own_account` says that one of playvirt's accounts asks."""

    obj: Mapping[str, Any]
    old: Mapping[str, Any] | None = None
    settings: settings_types.Settings = field(default_factory=settings_types.Settings)
    surroundings: Surroundings = field(default_factory=Surroundings)
    own_account: bool = False

    @property
    def is_update(self) -> bool:
        """Whether there was an object before."""
        return self.old is not None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Causes to refuse, and warnings to show; `error` is a refusal that is about no field."""

    causes: tuple[Cause, ...] = ()
    warnings: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_allowed(self) -> bool:
        """Whether nothing speaks against the object."""
        return not self.causes and not self.error


def subject_of(
    instance: Mapping[str, Any], settings: settings_types.Settings, *, field: str, meta_field: str
) -> subject.Subject:
    """The instance as its rules look at it; `field` and `meta_field` say where the posted object has it."""
    return subject.Subject(
        spec=tree.section(instance, "spec"),
        field=field,
        meta=tree.section(instance, "metadata"),
        meta_field=meta_field,
        settings=settings,
    )
