"""Runs module cluster_object inside the play's process; see plugins/plugin_utils/inline.py."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.modules import cluster_object
from ansible_collections.playvirt.core.plugins.plugin_utils import cluster_action


class ActionModule(cluster_action.ClusterAction):
    """Action twin of playvirt.core.cluster_object."""

    module = cluster_object
