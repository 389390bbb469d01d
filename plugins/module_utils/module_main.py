# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""The rim of every module: from Ansible's arguments to a module's `run`, and from its result or error back to Ansible.

In: a module file of this collection, which has `ARGUMENT_SPEC`, optionally `CONSTRAINTS` (the keywords that Ansible knows beside the
argument spec: `mutually_exclusive`, `required_one_of`, ...), and `run(params, *, check_mode) -> dict`, which raises PlayvirtError.
Out: `exit_json` or `fail_json`; nowhere else in the collection are these two called. Called by: `main()` of each module when Ansible
starts it as a process. The same module runs in the playbook's own process through `plugins/plugin_utils/inline.py`, which takes
`failure` from here, so that both ways give the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ansible.module_utils import basic
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


class Run(Protocol):
    """What a module does: validated arguments in, Ansible result out (`changed`, optionally `diff`); raises PlayvirtError."""

    def __call__(self, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]: ...


def failure(error: errors.PlayvirtError) -> dict[str, Any]:
    """Return what a failed task reports for this error: `msg` for people, `error` for a role's rescue.

    `error.type` is the class name (for example `Conflict`), `error.transient` says whether the same call may succeed later, and
    `error.status` and `error.reason` are there for errors of the API server.
    """
    transient = isinstance(error, errors.TransientError | errors.Conflict | errors.TooManyRequests)
    details: dict[str, Any] = {"type": type(error).__name__, "transient": transient}
    for name in ("status", "reason", "code"):
        value = getattr(error, name, None)
        if isinstance(value, str | int):
            details[name] = value
    return {"msg": str(error) or type(error).__name__, "error": details}


def run_module(run: Run, argument_spec: Mapping[str, Any], constraints: Mapping[str, Any] | None = None) -> None:
    """Run one module as Ansible's own process: parse stdin, call `run`, print the result and exit.

    Values of options with `no_log` are taken out of the result and of the message by AnsibleModule.
    """
    module = basic.AnsibleModule(argument_spec=dict(argument_spec), supports_check_mode=True, **(constraints or {}))
    try:
        result = run(module.params, check_mode=module.check_mode)
    except errors.PlayvirtError as error:
        module.fail_json(**failure(error))
    module.exit_json(**result)
