"""The stateful fake API server and gateway as a process, for molecule.

In: a folder. Out: `kubeconfig` in it, and an API server on loopback until the process is ended. It holds an installation (a KubeVirt) from the start.
"""

from __future__ import annotations

import asyncio
import copy
import pathlib
import sys

from ansible_collections.playvirt.core.tests.unit.fakes import cluster, kube_api


async def main(folder: pathlib.Path) -> None:
    """Serve until cancelled."""
    async with kube_api.KubeAPI() as api:
        api.put(copy.deepcopy(cluster.KUBEVIRT))
        api.write_kubeconfig(folder / "kubeconfig")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(pathlib.Path(sys.argv[1])))
