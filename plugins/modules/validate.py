#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Judges manifests of virtual machines without a cluster, with the words that the cluster would use.

In: files or definitions. Out: for each object whether it would be stored, every cause against it, and warnings. Called by people and pipelines.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Judge manifests of virtual machines without a cluster
version_added: "0.1.0"
description:
  - Checks VirtualMachines, VirtualMachineInstances, VirtualMachineInstanceReplicaSets, VirtualMachineInstancePresets,
    VirtualMachineInstanceMigrations, MigrationPolicies and KubeVirts as virt-api checks them when they are posted, with the same causes.
  - The schema comes first; an object that breaks it is not judged further. Then presets and defaults are applied to a copy, as in the cluster, and the rules
    are asked, the fields that playvirt does not act on yet, and the site rules.
  - Presets and a KubeVirt among the objects are taken into account for the others; a preset applies to the objects of its namespace.
  - Objects of other kinds are passed over.
  - What only a cluster knows is not checked, for example whether the instance exists that a migration names.
requirements:
  - PyYAML, for I(src)
options:
  definitions:
    description: Objects to judge, as they would be posted.
    type: list
    elements: dict
    default: []
  src:
    description:
      - Files to judge, in YAML (any number of documents) or JSON; of a directory, every file below it that ends in V(.yaml), V(.yml) or V(.json).
    type: list
    elements: path
    default: []
  kubevirt:
    description:
      - The KubeVirt of the installation that the objects are meant for, with its feature gates, defaults and site rules.
      - Without it the one among the objects counts, and without that KubeVirt's defaults.
    type: dict
  site_rules:
    description:
      - Site rules to ask beside those that the KubeVirt lists, V(NAME) for one of playvirt's own, V(NAMESPACE.COLLECTION.NAME) for another's.
      - They run in the process of this task.
    type: list
    elements: str
    default: []
  on_invalid:
    description: Whether the task fails where an object would be refused, or only reports it.
    type: str
    choices: [fail, report]
    default: fail
attributes:
  check_mode:
    description: Changes nothing.
    support: full
author: The playvirt developers (@playvirt)
"""

EXAMPLES = r"""
- name: Refuse what the cluster would refuse, before it gets there
  playvirt.core.validate:
    src: [manifests]
    site_rules: [naming_and_size]
"""

RETURN = r"""
valid:
  description: Whether every object would be stored.
  returned: always
  type: bool
objects:
  description: What was judged, in order.
  returned: always
  type: list
  elements: dict
  contains:
    source:
      description: The file and the number of the document in it, or the place in I(definitions).
      type: str
      sample: manifests/vm.yaml#1
    kind:
      description: The object's kind.
      type: str
    namespace:
      description: The object's namespace, empty where it names none.
      type: str
    name:
      description: The object's name.
      type: str
    valid:
      description: Whether it would be stored.
      type: bool
    causes:
      description: What is wrong, as C(field), C(message) and C(reason).
      type: list
      elements: dict
    warnings:
      description: What a client would be warned of.
      type: list
      elements: str
"""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils import module_main
from ansible_collections.playvirt.core.plugins.module_utils.admission import (
    offline,
    refusal,
    request,
    settings,
)
from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

_SUFFIXES = (".yaml", ".yml", ".json")

ARGUMENT_SPEC: dict[str, Any] = {
    "definitions": {"type": "list", "elements": "dict", "default": []},
    "src": {"type": "list", "elements": "path", "default": []},
    "kubevirt": {"type": "dict"},
    "site_rules": {"type": "list", "elements": "str", "default": []},
    "on_invalid": {"type": "str", "choices": ["fail", "report"], "default": "fail"},
}


def _files(paths: Sequence[str]) -> Iterator[pathlib.Path]:
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.suffix in _SUFFIXES and found.is_file())
        else:
            yield path


def _documents(path: pathlib.Path) -> Iterator[tuple[str, Any]]:
    """Every document of a file, with its name; a List counts as its items."""
    if yaml is None:
        raise errors.PermanentError("reading files needs PyYAML: install it for this Python, or give definitions")
    try:
        with path.open(encoding="utf-8") as stream:
            for number, document in enumerate(yaml.safe_load_all(stream), start=1):
                items = (
                    document.get("items") if isinstance(document, Mapping) and document.get("kind") == "List" else None
                )
                for item in items if isinstance(items, list) else [document]:
                    yield f"{path}#{number}", item
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise errors.InvalidObject(f"{path}: {error}", field="src") from error


def _objects(params: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Everything of our kinds, with where it stands."""
    given = [(f"definitions[{index}]", obj) for index, obj in enumerate(params["definitions"])]
    given += [found for path in _files(params["src"]) for found in _documents(path)]
    return [(source, obj) for source, obj in given if offline.is_ours(obj)]


def _reported(source: str, obj: Mapping[str, Any], verdict: request.Verdict) -> dict[str, Any]:
    meta = obj.get("metadata") if isinstance(obj.get("metadata"), Mapping) else {}
    causes = [*([Cause("", verdict.error)] if verdict.error else []), *verdict.causes]
    return {
        "source": source,
        "kind": str(obj.get("kind") or ""),
        "namespace": str((meta or {}).get("namespace") or ""),
        "name": str((meta or {}).get("name") or ""),
        "valid": verdict.is_allowed,
        "causes": [refusal.status_cause(cause) for cause in causes],
        "warnings": list(verdict.warnings),
    }


def _judged(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    objects = _objects(params)
    presets = [obj for _, obj in objects if obj.get("kind") == "VirtualMachineInstancePreset"]
    among = next((obj for _, obj in objects if obj.get("kind") == "KubeVirt"), None)
    configured = settings.of_kubevirt(params["kubevirt"] or among)
    names = list(dict.fromkeys([*configured.site_rules, *params["site_rules"]]))
    return [_reported(source, obj, offline.check(obj, presets, configured, names)) for source, obj in objects]


def run(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Judge; the same in check mode. Raises InvalidObject where an object would be refused and that is to be a failure."""
    judged = _judged(params)
    wrong = [one for one in judged if not one["valid"]]
    if wrong and params["on_invalid"] == "fail":
        told = [
            f"{one['source']}: {one['kind']} '{one['name']}': {cause['message']}"
            for one in wrong
            for cause in one["causes"]
        ]
        raise errors.InvalidObject("\n".join(told), field=wrong[0]["causes"][0]["field"])
    return {"changed": False, "valid": not wrong, "objects": judged}


def main() -> None:
    """Run as a module."""
    module_main.run_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
