# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""The action twin of every module: the same module, run inside the process that runs the play.

In: a task's resolved arguments. Out: the module's result. When the task's connection is `local` and nothing asks for another user or
environment, the module's `run` is called directly, which costs microseconds where shipping and starting a module costs most of a second;
otherwise the module is sent to the host as Ansible does with any other. Both ways validate with the same argument spec, hide the same
`no_log` values and fail with the same words. Arguments are data when they come here: nothing in them is templated again.
Used by: each file in `plugins/action/`, in three lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ansible import errors as ansible_errors
from ansible.module_utils.common import arg_spec, parameters
from ansible.plugins import action
from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors


class Module(Protocol):
    """A module file: `CONSTRAINTS` (see module_main) may be left out."""

    @property
    def ARGUMENT_SPEC(self) -> Mapping[str, Any]: ...

    def run(self, params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]: ...


def plain(value: Any) -> Any:
    """Return a copy of Ansible's value as ordinary dicts, lists, strings and numbers.

    Ansible hands over subclasses (tagged strings, lazy containers) that a YAML or XML writer need not know and that must not reach the
    library, where a string is only ever text.
    """
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value


class InlineAction(action.ActionBase):  # type: ignore[misc]
    """Runs `module` in process when it can; a subclass names the module and nothing else."""

    module: Module
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module and return its result; raises AnsibleActionFail for arguments that the argument spec refuses."""
        super().run(tmp, task_vars)
        if not self._is_inline():
            remote: dict[str, Any] = self._execute_module(task_vars=task_vars)
            return remote
        return self._run_inline()

    def _is_inline(self) -> bool:
        local = getattr(self._connection, "transport", None) == "local"
        return local and getattr(self._connection, "become", None) is None and not any(self._task.environment or ())

    def _run_inline(self) -> dict[str, Any]:
        validator = arg_spec.ArgumentSpecValidator(self.module.ARGUMENT_SPEC, **getattr(self.module, "CONSTRAINTS", {}))
        validated = validator.validate(plain(self._task.args))
        secrets = validated._no_log_values
        if validated.error_messages:
            message = parameters.remove_values(str(validated.errors.msg), secrets)
            raise ansible_errors.AnsibleActionFail(f"{self._task.action}: {message}")
        try:
            result = self.module.run(validated.validated_parameters, check_mode=bool(self._task.check_mode))
        except errors.PlayvirtError as error:
            result = {**module_main.failure(error), "failed": True, "changed": False}
        if not self._task.diff:
            result.pop("diff", None)
        cleaned: dict[str, Any] = parameters.remove_values(result, secrets) if secrets else result
        return cleaned
