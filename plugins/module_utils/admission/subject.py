"""What the rules of an instance look at: its spec, where that stands in the posted object, and the installation's settings.

The same rules serve a VirtualMachineInstance (`spec`) and the template of a VirtualMachine or VirtualMachineInstanceReplicaSet
(`spec.template.spec`); messages name the path that the client wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import settings as settings_types
from ansible_collections.playvirt.core.plugins.module_utils.admission import tree
from ansible_collections.playvirt.core.plugins.module_utils.api import causes


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One spec to judge; `field` is its path, `meta` and `meta_field` are the instance's metadata."""

    spec: Mapping[str, Any]
    field: str
    meta: Mapping[str, Any]
    meta_field: str
    settings: settings_types.Settings

    def at(self, *parts: str | int) -> str:
        """The path of a field below the spec."""
        return tree.path(self.field, *parts)

    @property
    def domain(self) -> Mapping[str, Any]:
        """spec.domain."""
        return tree.section(self.spec, "domain")

    @property
    def devices(self) -> Mapping[str, Any]:
        """spec.domain.devices."""
        return tree.section(self.spec, "domain", "devices")

    @property
    def architecture(self) -> str:
        """The guest's architecture: what the spec says, else the installation's."""
        return tree.text(self.spec, "architecture") or self.settings.architecture


Rule = Callable[[Subject], Iterable[causes.Cause]]
