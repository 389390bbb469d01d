# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Runs module go_build inside the play's process and shows its progress; see plugins/plugin_utils/inline.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.utils import display
from ansible_collections.playvirt.core.plugins.modules import go_build
from ansible_collections.playvirt.core.plugins.plugin_utils import inline


class _Shown:
    """The module, with lines of progress on the screen."""

    ARGUMENT_SPEC: Mapping[str, Any] = go_build.ARGUMENT_SPEC

    def run(self, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
        return go_build.run(params, check_mode=check_mode, progress=display.Display().display)


class ActionModule(inline.InlineAction):
    """Action twin of playvirt.core.go_build."""

    module = _Shown()
