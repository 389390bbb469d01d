"""The type VirtualMachineInstancePreset: values for instances with certain labels, filled in when they are created."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.module_utils.api import schema
from ansible_collections.playvirt.core.plugins.module_utils.api.types import domain, meta

SPEC = schema.obj(
    "Which instances get which values.",
    {
        "selector": schema.described(meta.LABEL_SELECTOR, "Instances that get them."),
        "domain": schema.described(domain.DOMAIN, "The values; what an instance says itself is left alone."),
    },
    required=("selector",),
)
