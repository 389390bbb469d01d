"""Runs module object_status inside the play's process; see plugins/plugin_utils/inline.py."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.modules import object_status
from ansible_collections.playvirt.core.plugins.plugin_utils import cluster_action


class ActionModule(cluster_action.ClusterAction):
    """Action twin of playvirt.core.object_status."""

    module = object_status
