#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Module libvirt_domain: brings one libvirt domain into a state.

In: where its libvirtd is, the domain's name, XML and wished state. Out: the state that it is in now. Called by: role domain, on the node with the
process of a launcher, or by anybody with the URI of a libvirtd.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: libvirt_domain
short_description: Define, start, pause, reboot, shut down or remove a libvirt domain
version_added: 0.1.0
author:
  - playvirt developers (@playvirt)
description:
  - Brings one domain of a libvirtd into the wished state, and reports the state that it is in afterwards.
  - The libvirtd is named by its URI, or by the process of a virtual machine's launcher on this node, whose socket is then opened in a way that the
    launcher cannot lead astray.
  - A definition is known again by a digest kept in the domain's metadata, so the same O(xml) is defined once.
requirements:
  - libvirt-python (Debian package python3-libvirt)
  - with O(pid), root on the node, in the node's process id namespace
attributes:
  check_mode:
    description: Reads the domain's state, and changes nothing.
    support: full
  diff_mode:
    description: Shows the XML and the state before and after.
    support: full
options:
  uri:
    description: URI of the libvirtd.
    type: str
  pid:
    description:
      - Process id, on the node, of the launcher whose libvirtd has the domain.
      - When that process has ended, its domain has too, so the states that turn a domain off are reached then.
    type: int
  pod_uid:
    description: The uid of the launcher's pod; the process O(pid) has to belong to it.
    type: str
  name:
    description: The domain's name.
    type: str
    required: true
  xml:
    description:
      - The domain's definition. Its name has to be O(name).
      - A domain that is active takes up a changed definition when it is started the next time.
      - Needed where the domain is not defined yet and O(state) is V(defined), V(running) or V(paused).
    type: str
  state:
    description:
      - V(defined), libvirt knows the domain; whether it is active is left as it is.
      - V(running), defined and active; a paused domain goes on.
      - V(paused), defined and active, with its CPUs stopped; one that is not active is started so.
      - V(rebooted), the guest is asked by its ACPI power button to shut down, and is started again in the same process (a soft reboot); the module does
        not wait for it, and asks again each time that it runs.
      - V(shutdown), the guest is asked to turn itself off, by its ACPI power button and through its agent where one is connected; the module does not
        wait for it, and asks again each time that it runs.
      - V(destroyed), the domain is turned off at once; the definition stays.
      - V(absent), turned off at once, and the definition removed.
    type: str
    choices: [defined, running, paused, rebooted, shutdown, destroyed, absent]
    default: running
"""

EXAMPLES = r"""
- name: Start the guest
  playvirt.core.libvirt_domain:
    pid: 4711
    pod_uid: 5a0b5b4e-6a5c-4f6b-9d53-0a7f0c1d2e3f
    name: default_vm
    xml: "{{ domain_xml }}"
    state: running

- name: Stop the guest's CPUs; state running lets it go on
  playvirt.core.libvirt_domain:
    pid: 4711
    name: default_vm
    state: paused

- name: Ask the guest to turn itself off
  playvirt.core.libvirt_domain:
    uri: qemu:///session
    name: default_vm
    state: shutdown
"""

RETURN = r"""
domain:
  description: The domain after the module has run, or as it is in check mode.
  returned: success
  type: dict
  contains:
    name:
      description: The domain's name.
      type: str
      sample: default_vm
    state:
      description: V(absent), or libvirt's word for the state.
      type: str
      sample: running
    reason:
      description: libvirt's word for the reason of the state, or empty.
      type: str
      sample: booted
actions:
  description: What has been done, in order (in check mode, what would be).
  returned: success
  type: list
  elements: str
  sample: [define, create]
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.hypervisor import (
    connection,
    definition,
    domain,
    guest_agent,
    launcher_process,
    launcher_socket,
)

ARGUMENT_SPEC: dict[str, Any] = {
    "uri": {"type": "str"},
    "pid": {"type": "int"},
    "pod_uid": {"type": "str"},
    "name": {"type": "str", "required": True},
    "xml": {"type": "str"},
    "state": {
        "type": "str",
        "choices": ["defined", "running", "paused", "rebooted", "shutdown", "destroyed", "absent"],
        "default": "running",
    },
}
CONSTRAINTS: dict[str, Any] = {
    "required_one_of": [["uri", "pid"]],
    "mutually_exclusive": [["uri", "pid"]],
    "required_by": {"pod_uid": ["pid"]},
}

#: a launcher whose domain has ended is gone within this time
ENDING_SECONDS = 2.0
_INACTIVE = (domain.ABSENT, "shutoff", "crashed")
_ON = ("defined", "running", "paused")
_OFF = ("shutdown", "destroyed", "absent")
_VERBS: dict[str, Callable[[connection.Connection, str], None]] = {
    "create": domain.create,
    "create_paused": functools.partial(domain.create, paused=True),
    "resume": domain.resume,
    "suspend": domain.suspend,
    "reboot": domain.reboot,
    "shutdown": guest_agent.shut_down,
    "destroy": domain.destroy,
    "undefine": domain.undefine,
}


def actions_for(wished: str, state: str, *, is_current: bool) -> list[str]:
    """Return libvirt's verbs that lead from `state` to the wished one, in order.

    `is_current` says that the definition is right already or that none was given.
    """
    active, paused = state not in _INACTIVE, state == "paused"
    if wished == "rebooted":
        return ["reboot"]
    if wished in _ON:
        actions = [] if is_current else ["define"]
        if wished != "defined" and not active:
            actions.append("create_paused" if wished == "paused" else "create")
        elif wished == "running" and paused:
            actions.append("resume")
        elif wished == "paused" and not paused:
            actions.append("suspend")
        return actions
    off = {"shutdown": "shutdown", "destroyed": "destroy", "absent": "destroy"}[wished]
    actions = [off] if active else []
    if wished == "absent" and state != domain.ABSENT:
        actions.append("undefine")
    return actions


@contextlib.contextmanager
def _opened(params: Mapping[str, Any]) -> Iterator[connection.Connection]:
    if params["uri"]:
        with connection.opened(params["uri"]) as opened:
            yield opened
        return
    with launcher_socket.libvirt_uri(params["pid"], pod_uid=params["pod_uid"]) as uri, connection.opened(uri) as opened:
        yield opened


def _is_current(conn: connection.Connection, name: str, *, xml: str | None, state: str) -> bool:
    if state == domain.ABSENT:
        if not xml:
            raise errors.PermanentError(f"domain {name} is not defined, and option xml is missing; give its definition")
        return False
    return not xml or definition.is_current(conn, name, xml)


def _apply(conn: connection.Connection, name: str, *, xml: str | None, actions: Sequence[str]) -> None:
    """Do the actions; one that the domain's own progress has made needless is no error."""
    for action in actions:
        if action == "define":
            defined = definition.define(conn, xml or "")
            if defined != name:
                domain.undefine(conn, defined)
                raise errors.InvalidObject(
                    f"xml names the domain '{defined}', option name '{name}'; both have to be the same.", field="name"
                )
            continue
        try:
            _VERBS[action](conn, name)
        except errors.HypervisorError:
            if not _is_reached(action, domain.get_state(conn, name).state):
                raise


def _is_reached(action: str, state: str) -> bool:
    if action == "reboot":
        return False
    if action == "undefine":
        return state == domain.ABSENT
    if action == "suspend":
        return state == "paused"
    if action == "resume":
        return state not in _INACTIVE and state != "paused"
    return (state in _INACTIVE) != (action in ("create", "create_paused"))


def _shown(conn: connection.Connection, name: str, found: domain.DomainState) -> str:
    if found.state == domain.ABSENT:
        return "state: absent\n"
    return f"state: {found.state}\n{domain.get_xml(conn, name, inactive=True)}"


def _reconcile(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    name, xml, wished = params["name"], params["xml"], params["state"]
    with _opened(params) as conn:
        before = domain.get_state(conn, name)
        is_current = wished not in _ON or _is_current(conn, name, xml=xml, state=before.state)
        actions = actions_for(wished, before.state, is_current=is_current)
        shown_before = _shown(conn, name, before) if actions else ""
        after, shown_after = before, shown_before
        if actions and check_mode:
            shown_after = "\n".join(["wished state: " + wished, xml if "define" in actions else ""])
        elif actions:
            _apply(conn, name, xml=xml, actions=actions)
            after = domain.get_state(conn, name)
            shown_after = _shown(conn, name, after)
    return {
        "changed": bool(actions),
        "actions": actions,
        "domain": {"name": name, "state": after.state, "reason": after.reason},
        "diff": {"before": shown_before, "after": shown_after},
    }


def _gone(name: str) -> dict[str, Any]:
    """The result where the launcher has ended, and its domain with it."""
    absent = {"name": name, "state": domain.ABSENT, "reason": ""}
    return {"changed": False, "actions": [], "domain": absent, "diff": {"before": "", "after": ""}}


def _turn_off(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Turn off a domain whose launcher may be ending at the same time, which takes libvirtd away and reaches the same."""
    with contextlib.ExitStack() as stack:
        try:
            launcher = stack.enter_context(launcher_process.watched(params["pid"], pod_uid=params["pod_uid"]))
        except errors.NotReady:
            return _gone(params["name"])
        try:
            return _reconcile(params, check_mode=check_mode)
        except (errors.HypervisorError, errors.NotReady):
            if not launcher_process.ends_within(launcher, ENDING_SECONDS):
                raise
    return _gone(params["name"])


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Bring the domain into the wished state; returns `changed`, `actions`, `domain` and `diff`.

    Raises HypervisorError when libvirt refuses, NotReady while the launcher's libvirtd is not there, PermanentError when xml is needed and missing.
    """
    if params["pid"] and params["state"] in _OFF:
        return _turn_off(params, check_mode=check_mode)
    return _reconcile(params, check_mode=check_mode)


def main() -> None:
    """Run as a process of Ansible's."""
    module_main.run_module(run, ARGUMENT_SPEC, CONSTRAINTS)


if __name__ == "__main__":
    main()
