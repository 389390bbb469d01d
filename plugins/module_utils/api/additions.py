"""What an installation adds to launcher pods and domains that the API has no field for: spec.configuration.additions of the KubeVirt.

In: that part of the configuration, and what a namespace has set. Out: causes to refuse it, the additions that are meant for an instance, and their texts with
the variables filled in. Only an administrator writes additions, since what they can do is without limit; a namespace only gives values to variables
that they list, and a value is never read as markup or structure. Called by admission, and by the rooms pod and domain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from ansible_collections.playvirt.core.plugins.module_utils.api import errors, metadata
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import NOT_FOUND, NOT_SUPPORTED, Cause

FIELD = "spec.configuration.additions"
#: the ConfigMap in which a namespace gives values to variables
CONFIG_MAP = "playvirt-variables"
#: variables that every instance has
OWN_VARIABLES = ("vmi-name", "vmi-namespace")
MAX_VALUE = 1000

#: fields of a pod's spec that can be added to: lists grow, maps are merged, anything else is replaced
POD_FIELDS = (
    "affinity",
    "containers",
    "hostAliases",
    "imagePullSecrets",
    "initContainers",
    "nodeSelector",
    "preemptionPolicy",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_PARENT = re.compile(r"\.|[A-Za-z][A-Za-z0-9]*(/[A-Za-z][A-Za-z0-9]*)*")
ElementTree.register_namespace("qemu", "http://libvirt.org/schemas/domain/qemu/1.0")

Object = Mapping[str, Any]


def of_kubevirt(kubevirt: Object | None) -> Object:
    """The additions of an installation; empty where it has none."""
    configuration = ((kubevirt or {}).get("spec") or {}).get("configuration") or {}
    found: Object = configuration.get("additions") or {}
    return found


def elements(xml: str) -> list[ElementTree.Element]:
    """The elements of an addition to the domain.

    Raises ValueError where it is not XML; entities and other declarations are not taken.
    """
    if "<!" in xml or "<?" in xml:
        raise ValueError("it has a declaration; write elements alone")
    try:
        root = ElementTree.fromstring(f"<addition>{xml}</addition>")
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from error
    if not len(root) or (root.text or "").strip() or any((child.tail or "").strip() for child in root):
        raise ValueError("it has to be one element or more")
    return list(root)


def texts(content: Any) -> Iterator[str]:
    """Every text in a value of JSON that is not a key."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from texts(value)


def _listed(additions: Object, kind: str) -> Iterator[tuple[str, Object]]:
    for index, entry in enumerate(additions.get(kind) or []):
        if isinstance(entry, Mapping):
            yield f"{FIELD}.{kind}[{index}]", entry


def _variable_problems(additions: Object) -> Iterator[Cause]:
    for field, variable in _listed(additions, "variables"):
        if variable.get("name") in OWN_VARIABLES:
            yield Cause(f"{field}.name", f"{field}.name '{variable['name']}' is a variable that every instance has")
        try:
            pattern = re.compile(str(variable.get("pattern")))
        except re.error as error:
            yield Cause(f"{field}.pattern", f"{field}.pattern '{variable.get('pattern')}': {error}")
            continue
        default = variable.get("default")
        if default is not None and not pattern.fullmatch(str(default)):
            message = f"{field}.default '{default}' does not match {field}.pattern '{pattern.pattern}'"
            yield Cause(f"{field}.default", message)


def _domain_problems(field: str, entry: Object) -> Iterator[Cause]:
    parent = str(entry.get("parent", "."))
    if not _PARENT.fullmatch(parent):
        message = f"{field}.parent '{parent}' is no path of elements below domain, such as devices or sysinfo/system"
        yield Cause(f"{field}.parent", message)
    try:
        elements(str(entry.get("xml")))
    except ValueError as error:
        yield Cause(f"{field}.xml", f"{field}.xml is not XML: {error}")


def _pod_problems(field: str, entry: Object) -> Iterator[Cause]:
    for name in entry.get("spec") or {}:
        if name not in POD_FIELDS:
            message = f"{field}.spec.{name} cannot be added to; supported: {', '.join(POD_FIELDS)}"
            yield Cause(f"{field}.spec.{name}", message, NOT_SUPPORTED)
    for name in (entry.get("metadata") or {}).get("labels") or {}:
        if str(name).split("/")[0].endswith("kubevirt.io"):
            yield Cause(f"{field}.metadata.labels", f"{field}.metadata.labels '{name}' belongs to playvirt itself")


def problems(additions: Object) -> Iterator[Cause]:
    """Why additions cannot be: each with its field."""
    yield from _variable_problems(additions)
    known = {variable.get("name") for _, variable in _listed(additions, "variables")} | set(OWN_VARIABLES)
    for kind, of_entry in (("domain", _domain_problems), ("launcherPod", _pod_problems)):
        for field, entry in _listed(additions, kind):
            yield from of_entry(field, entry)
            used = {name for text in texts(entry) for name in _VARIABLE.findall(text)}
            for name in sorted(used - known):
                yield Cause(field, f"{field} uses variable '{name}', which {FIELD}.variables does not list", NOT_FOUND)


def matching(additions: Object, kind: str, vmi: Object) -> list[Object]:
    """The additions of a kind (domain, launcherPod) that are meant for the instance: those whose matchLabels it has."""
    labels = metadata.meta(vmi).get("labels") or {}
    return [
        entry
        for _, entry in _listed(additions, kind)
        if all(labels.get(key) == value for key, value in (entry.get("matchLabels") or {}).items())
    ]


def values(additions: Object, config_map: Object | None, vmi: Object) -> dict[str, str]:
    """The variables' values for the instance: its namespace's, else the defaults.

    Raises InvalidObject for a value that its variable's pattern does not allow. A variable without any value is not in the answer.
    """
    meta, given = metadata.meta(vmi), (config_map or {}).get("data") or {}
    found = {"vmi-name": str(meta["name"]), "vmi-namespace": str(meta["namespace"])}
    for _, variable in _listed(additions, "variables"):
        name = variable["name"]
        if name in given:
            value = str(given[name])
            if len(value) > MAX_VALUE or not re.fullmatch(variable["pattern"], value):
                raise errors.InvalidObject(
                    f"ConfigMap '{meta['namespace']}/{CONFIG_MAP}': '{name}' is '{value[:100]}', which does not match"
                    f" '{variable['pattern']}'; change the value",
                    field=f"data.{name}",
                )
            found[name] = value
        elif variable.get("default") is not None:
            found[name] = str(variable["default"])
    return found


def filled(text: str, given: Mapping[str, str], *, addition: str) -> str:
    """The text with values in place of `${variable}`.

    Raises InvalidObject for a variable that has none.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in given:
            raise errors.InvalidObject(
                f"the installation's addition '{addition}' needs '{name}': set it in ConfigMap '{CONFIG_MAP}' of namespace"
                f" '{given['vmi-namespace']}'",
                field=f"data.{name}",
            )
        return given[name]

    return _VARIABLE.sub(value, text)
