"""Runs module reconcile_plan inside the play's process; see plugins/plugin_utils/inline.py."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.modules import reconcile_plan
from ansible_collections.playvirt.core.plugins.plugin_utils import cluster_action


class ActionModule(cluster_action.ClusterAction):
    """Action twin of playvirt.core.reconcile_plan."""

    module = reconcile_plan
