"""`virt-api`: arguments, log, the event loop; everything else is wired in `api_process.py`."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys

from ansible_collections.playvirt.core.images.runner.telemetry import log
from ansible_collections.playvirt.core.plugins.module_utils.api import errors

from . import api_process, options


def _settle() -> None:
    """What is there now stays: looking through it for garbage again and again would only make some answers late."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


async def _run(given: options.Options) -> int:
    return await api_process.APIProcess(given, settled=_settle).run()


def main() -> int:
    """Run until a signal, or until something ends that must not."""
    given = options.parse(sys.argv[1:], os.environ)
    log.configure(given.log_level)
    try:
        return asyncio.run(_run(given))
    except (errors.PlayvirtError, RuntimeError, OSError) as error:
        logging.getLogger("virt_api").error("cannot run: %s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
