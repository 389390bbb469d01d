# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""The action twin of a module that speaks to the API server: as inline.py, with what it imports imported early.

ansible-core imports an action plugin in the process that runs the playbook before it forks for each task. What is imported here by then need not be
imported again in every task: the `kubernetes` package takes more than half a second of processor time. A runner's worker does without that package, so it is
imported only where ansible's own command line runs.
Used by: the files in `plugins/action/` whose module takes the options of module_utils/k8s/options.py.
"""

from __future__ import annotations

import contextlib
import sys

from ansible_collections.playvirt.core.plugins.plugin_utils import inline

if "ansible.cli" in sys.modules:
    with contextlib.suppress(ImportError):
        from ansible_collections.playvirt.core.plugins.module_utils.k8s import kubernetes_transport  # noqa: F401


class ClusterAction(inline.InlineAction):
    """Runs `module` in process when it can; a subclass names the module and nothing else."""
