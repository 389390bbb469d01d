"""`playvirt-runner`: arguments, the watch list, signals; everything else is wired in `runner.py`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from typing import cast

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import planners, reading

from . import runner
from .settings import options
from .telemetry import log


async def _run(given: options.Options) -> int:
    known = cast(Mapping[str, reading.Planner], planners.PLANNERS)
    return await runner.Runner(given, known).run()


def main() -> int:
    """Run until a signal, or until something ends that must not."""
    given = options.parse(sys.argv[1:], os.environ)
    log.configure(given.log_level)
    try:
        return asyncio.run(_run(given))
    except (errors.PlayvirtError, RuntimeError, OSError) as error:
        logging.getLogger("runner").error("cannot run: %s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
