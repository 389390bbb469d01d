"""Labels of this node that say what its hypervisor can do, from the files that the probe of the launcher image has left in the node directory.

In: the node directory. Out: labels of the Node, written once when the process starts; a node without them gets none, and virtual machines still
run there. Called by: node.
"""

from __future__ import annotations

import asyncio
import logging
import pathlib

from ansible_collections.playvirt.core.images.virt_handler import context as handler_context
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.domain import capabilities

LOG = logging.getLogger("virt-handler.node-labels")

#: below the node directory
DOMAIN_CAPABILITIES = "capabilities/domcapabilities.xml"
EXPANDED_CPU = "capabilities/cpu.xml"
RETRY_SECONDS = 5.0


def read(node_directory: str) -> dict[str, str]:
    """Return the labels that this node should have; empty when the probe has left nothing that can be read."""
    path, cpu = pathlib.Path(node_directory, DOMAIN_CAPABILITIES), pathlib.Path(node_directory, EXPANDED_CPU)
    try:
        return capabilities.node_labels(path.read_text(), cpu.read_text() if cpu.exists() else "")
    except OSError as error:
        LOG.warning("no labels for CPU models: %s: %s", path, error.strerror)
    except errors.InvalidObject as error:
        LOG.warning("no labels for CPU models: %s: %s", path, error)
    return {}


async def write(context: handler_context.Context, wished: dict[str, str]) -> None:
    """Bring the Node's labels up to date, trying until the API server has taken them."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": context.node_name}}
    while True:
        try:
            found = await context.client.get("v1", "Node", namespace=None, name=context.node_name)
            changes = capabilities.label_changes(found["metadata"].get("labels") or {}, wished)
            if changes:
                await context.client.patch(node, {"metadata": {"labels": changes}})
            return
        except errors.PlayvirtError as error:
            LOG.warning("labels of node %s: %s", context.node_name, error)
            await asyncio.sleep(RETRY_SECONDS)
