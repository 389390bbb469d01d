"""Commands by name; what they do is tested beside the files that do it."""

from __future__ import annotations

import pytest
from ansible_collections.playvirt.core.images.virt_launcher import children, commands
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


@pytest.mark.parametrize("name", commands.NAMES)
async def test_every_command_checks_its_arguments(name: str) -> None:
    made = commands.Commands(children.Children(lambda pid, name, code: None))
    with pytest.raises(errors.InvalidObject, match=f"^{name}\\."):
        await made.execute(name, {})


async def test_unknown_command_lists_the_known() -> None:
    made = commands.Commands(children.Children(lambda pid, name, code: None))
    with pytest.raises(
        errors.UnsupportedFeature, match="no command 'format_disk'; this launcher knows make_cloud_init, make_disks"
    ):
        await made.execute("format_disk", {})
