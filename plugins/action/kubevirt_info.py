# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Runs module kubevirt_info inside the play's process; see plugins/plugin_utils/inline.py."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.modules import kubevirt_info
from ansible_collections.playvirt.core.plugins.plugin_utils import cluster_action


class ActionModule(cluster_action.ClusterAction):
    """Action twin of playvirt.core.kubevirt_info."""

    module = kubevirt_info
