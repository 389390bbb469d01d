# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Runs module cgroup_tree inside the play's process; see plugins/plugin_utils/inline.py."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.modules import cgroup_tree
from ansible_collections.playvirt.core.plugins.plugin_utils import inline


class ActionModule(inline.InlineAction):
    """Action twin of playvirt.core.cgroup_tree."""

    module = cgroup_tree
