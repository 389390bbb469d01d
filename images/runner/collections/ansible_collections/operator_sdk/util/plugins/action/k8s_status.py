# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Runs module k8s_status inside the play's process; see playvirt.core's plugins/plugin_utils/inline.py."""

from __future__ import annotations

from ansible_collections.operator_sdk.util.plugins.modules import k8s_status
from ansible_collections.playvirt.core.plugins.plugin_utils import inline


class ActionModule(inline.InlineAction):
    """Action twin of operator_sdk.util.k8s_status."""

    module = k8s_status
