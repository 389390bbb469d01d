# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Runs module pod_network inside the play's process; see plugins/plugin_utils/inline.py."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.modules import pod_network
from ansible_collections.playvirt.core.plugins.plugin_utils import inline


class ActionModule(inline.InlineAction):
    """Action twin of playvirt.core.pod_network."""

    module = pod_network
