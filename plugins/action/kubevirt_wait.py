# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Runs module kubevirt_wait inside the play's process and shows what it waits for; see plugins/plugin_utils/inline.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.utils import display
from ansible_collections.playvirt.core.plugins.modules import kubevirt_wait
from ansible_collections.playvirt.core.plugins.plugin_utils import cluster_action


class _Shown:
    """The module, with a line on the screen whenever something else is missing."""

    ARGUMENT_SPEC: Mapping[str, Any] = kubevirt_wait.ARGUMENT_SPEC

    def run(self, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
        return kubevirt_wait.run(params, check_mode=check_mode, progress=display.Display().display)


class ActionModule(cluster_action.ClusterAction):
    """Action twin of playvirt.core.kubevirt_wait."""

    module = _Shown()
