"""The one way to judge an object: the rules of its kind, then the fields that playvirt does not act on yet.

In: kind and Request. Out: a Verdict. Called by virt-api and by module validate, so that both say the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    refusal,
    request,
    updates,
    validate_kubevirt,
    validate_migrationpolicy,
    validate_virtualmachine,
    validate_virtualmachineinstance,
    validate_virtualmachineinstancemigration,
    validate_virtualmachineinstancepreset,
    validate_virtualmachineinstancereplicaset,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import metadata, support
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

_Validate = Callable[[request.Request], request.Verdict]

VALIDATED: Mapping[str, _Validate] = {
    "KubeVirt": validate_kubevirt.validate,
    "MigrationPolicy": validate_migrationpolicy.validate,
    "VirtualMachine": validate_virtualmachine.validate,
    "VirtualMachineInstance": validate_virtualmachineinstance.validate,
    "VirtualMachineInstanceMigration": validate_virtualmachineinstancemigration.validate,
    "VirtualMachineInstancePreset": validate_virtualmachineinstancepreset.validate,
    "VirtualMachineInstanceReplicaSet": validate_virtualmachineinstancereplicaset.validate,
}


def _unsupported(asked: request.Request) -> list[Cause]:
    """The fields that the request sets, or changes, and that nobody would act on."""
    found = refusal.unique(support.unsupported(asked.obj))
    if asked.old is None or not found:
        return found
    return updates.introduced(found, asked.obj, refusal.unique(support.unsupported(asked.old)), asked.old)


def judge(kind: str, asked: request.Request) -> request.Verdict:
    """The verdict; whatever is being deleted may go as it is, and other kinds are nobody's business here."""
    validate = VALIDATED.get(kind)
    if validate is None or metadata.is_deleting(asked.obj):
        return request.Verdict()
    verdict = validate(asked)
    named = {cause.field for cause in verdict.causes}
    more = [cause for cause in _unsupported(asked) if cause.field not in named]
    return dataclasses.replace(verdict, causes=(*verdict.causes, *more)) if more else verdict
