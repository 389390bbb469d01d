#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Waits until an installation is complete, or gone, and tells what it waits for.

In: the KubeVirt's name, what to wait for, how long. Out: the KubeVirt. Called by role operator; what is missing is judged in
module_utils/reconcile/installation_progress.py, and the action twin shows it.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubevirt_wait
short_description: Wait until an installation is complete, or gone
version_added: "0.1.0"
description:
  - Looks at virt-operator and the KubeVirt once a second until nothing is missing.
  - Run on the controller it shows what is missing whenever that changes.
options:
  namespace:
    description: Namespace of the installation.
    type: str
    default: kubevirt
  name:
    description: Name of the KubeVirt.
    type: str
    default: kubevirt
  until:
    description: What to wait for.
    type: str
    choices: [deployed, gone]
    default: deployed
  timeout:
    description: Seconds after which to give up.
    type: int
    default: 600
  image_timeout:
    description: Seconds after which to give up where a node cannot get an image.
    type: int
    default: 30
extends_documentation_fragment: [playvirt.core.kubernetes]
attributes:
  check_mode:
    description: Looks once and does not wait.
    support: full
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Wait until everything is deployed
  playvirt.core.kubevirt_wait:
    timeout: 300
"""

RETURN = r"""
kubevirt:
  description: The KubeVirt, or null where it is gone.
  returned: success
  type: dict
missing:
  description: What was still missing, in check mode; else null.
  returned: success
  type: str
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors, kinds, names
from ansible_collections.playvirt.core.plugins.module_utils.k8s import client, options
from ansible_collections.playvirt.core.plugins.module_utils.reconcile import installation_progress

ARGUMENT_SPEC: dict[str, Any] = {
    "namespace": {"type": "str", "default": "kubevirt"},
    "name": {"type": "str", "default": "kubevirt"},
    "until": {"type": "str", "choices": ["deployed", "gone"], "default": "deployed"},
    "timeout": {"type": "int", "default": 600},
    "image_timeout": {"type": "int", "default": 30},
    **options.ARGUMENT_SPEC,
}

_JUDGES = {"deployed": installation_progress.deployment_problem, "gone": installation_progress.deletion_problem}


def silent(line: str) -> None:
    """Show nothing: there is nobody to look while a module runs as its own process."""


def look(connection: client.Client, params: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """The KubeVirt as it is now, and what is missing."""
    namespace = params["namespace"]
    kubevirt = connection.get(kinds.KUBEVIRT, "KubeVirt", namespace=namespace, name=params["name"])
    operator = connection.get("apps/v1", "Deployment", namespace=namespace, name="virt-operator")
    pods = connection.list("v1", "Pod", namespace=namespace, query={"labelSelector": f"{names.APP}=virt-operator"})
    return kubevirt, _JUDGES[params["until"]](operator, pods, kubevirt)


def _failure(params: Mapping[str, Any], missing: str, seconds: float) -> errors.PermanentError:
    where = f"KubeVirt '{params['namespace']}/{params['name']}'"
    if installation_progress.needs_a_person(missing):
        advice = "push the images where the nodes can pull them, and name the registry and tag when installing"
        return errors.PermanentError(f"{where}: a node cannot get an image: {missing}; {advice}")
    advice = f"see `kubectl describe kubevirt -n {params['namespace']}` and the pods there"
    return errors.PermanentError(f"{where} is not {params['until']} after {seconds:.0f} s: {missing}; {advice}")


def run(
    params: Mapping[str, Any],
    *,
    check_mode: bool,
    progress: Callable[[str], None] = silent,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Wait; raises PermanentError that says what is missing when the time is over."""
    connection = client.connect(options.auth(params))
    started, shown, image_since = clock(), "", None
    while True:
        try:
            kubevirt, missing = look(connection, params)
        except errors.TransientError as error:
            kubevirt, missing = None, str(error)
        if missing is None or check_mode:
            return {"changed": False, "kubevirt": kubevirt, "missing": missing}
        if missing != shown:
            progress(f"  {missing}")
            shown = missing
        now = clock()
        image_since = (image_since or now) if installation_progress.needs_a_person(missing) else None
        if now - started > params["timeout"] or (image_since and now - image_since > params["image_timeout"]):
            raise _failure(params, missing, now - started)
        sleep(1.0)


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
