# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""A worked example of a site rule: one company's names for virtual machines, and how large they may be.

Copy it into a collection of your own (`plugins/plugin_utils/admission/NAME.py`), change it, and list it in the KubeVirt as
`spec.configuration.admission.siteRules: [NAMESPACE.COLLECTION.NAME]`; see docs/admission.md. A rule gets the object that would be stored, in v1, and the one
that it replaces (None when it is made), and returns a list of causes.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import amounts, tree
from ansible_collections.playvirt.core.plugins.module_utils.admission.rules import cpu
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import REQUIRED, Cause

#: <team>-<service>-<number>, such as web-shop-01
NAME = re.compile(r"[a-z]+-[a-z0-9]+-[0-9]{2}")
OWNER_LABEL = "example.com/owner"
MOST_CPUS = 16
MOST_MEMORY = "64Gi"


def _size(spec: Any, field: str) -> list[Cause]:
    """Causes for a guest that is too large."""
    found = []
    processor, memory = tree.section(spec, "domain", "cpu"), tree.section(spec, "domain", "memory")
    if cpu.virtual_cpus(processor) > MOST_CPUS:
        place = tree.path(field, "domain", "cpu", "sockets")
        found.append(Cause(place, f"{place}: {cpu.virtual_cpus(processor)} virtual CPUs, and we give {MOST_CPUS}"))
    if amounts.amount(memory, "guest") > amounts.amount({"most": MOST_MEMORY}, "most"):
        place = tree.path(field, "domain", "memory", "guest")
        found.append(Cause(place, f"{place} '{memory['guest']}' is more than {MOST_MEMORY}, which is what we give"))
    return found


def validate(obj: dict[str, Any], old: dict[str, Any] | None) -> list[Cause]:
    """Virtual machines are named after team, service and number, say whose they are, and stay within our sizes."""
    if obj.get("kind") != "VirtualMachine":
        return []
    meta, found = tree.section(obj, "metadata"), []
    name = tree.text(meta, "name")
    if old is None and not NAME.fullmatch(name):
        found.append(
            Cause("metadata.name", f"metadata.name '{name}': name it TEAM-SERVICE-NUMBER, such as web-shop-01")
        )
    if not tree.text(tree.section(meta, "labels"), OWNER_LABEL):
        found.append(Cause("metadata.labels", f"label {OWNER_LABEL} is missing: say who is asked about it", REQUIRED))
    return [*found, *_size(tree.section(obj, "spec", "template", "spec"), "spec.template.spec")]
