# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Runs module validate inside the play's process; see plugins/plugin_utils/inline.py."""

from __future__ import annotations

from ansible_collections.playvirt.core.plugins.modules import validate
from ansible_collections.playvirt.core.plugins.plugin_utils import inline


class ActionModule(inline.InlineAction):
    """Action twin of playvirt.core.validate."""

    module = validate
