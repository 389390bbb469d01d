"""The definitions that are installed: every field is described, sizes stay below the API server's limits, one version is stored.

That the schemas are structural, and what they accept and refuse, is shown by a real API server in tests/integration/test_api_types.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.playvirt.core.plugins.module_utils.api import crds, kinds, schema, virtualmachineinstance
from ansible_collections.playvirt.core.tests import generate

ETCD_LIMIT_BYTES = 1536 * 1024
DEFINITIONS = crds.definitions()


def _fields(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every named field below a schema, with its path."""
    for name, field in (node.get("properties") or {}).items():
        yield f"{path}.{name}", field
        yield from _fields(field, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in node:
            yield from _fields(node[inner], path + "[]")


def _all_fields() -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for definition in DEFINITIONS.values():
        for version in definition["spec"]["versions"]:
            path = f"{definition['spec']['names']['kind']}/{version['name']}"
            found += list(_fields(version["schema"]["openAPIV3Schema"], path))
    return [(path, field) for path, field in found if not (path.count(".") == 1 and path.endswith(".metadata"))]


FIELDS = _all_fields()


def test_every_field_is_described_and_not_by_its_own_name() -> None:
    assert len(FIELDS) > 5000
    assert [path for path, field in FIELDS if not field.get("description")] == []
    empty = []
    for path, field in FIELDS:
        words = field["description"].lower().removeprefix("the ").rstrip(".").replace(" ", "")
        if words == path.rsplit(".", 1)[1].lower():
            empty.append(path)
    assert empty == []


def test_descriptions_are_short_sentences() -> None:
    wrong = [path for path, field in FIELDS if len(field["description"]) > 200 or field["description"][-1] != "."]
    assert wrong == []


def test_objects_in_lists_are_described() -> None:
    lists = [(path, field["items"]) for path, field in FIELDS if field.get("type") == "array"]
    assert [path for path, items in lists if items["type"] == "object" and not items.get("description")] == []


@pytest.mark.parametrize("file", DEFINITIONS)
def test_each_definition_fits_into_etcd(file: str) -> None:
    # Half of the limit: the API server keeps managedFields beside it, which name the fields once more.
    assert len(json.dumps(DEFINITIONS[file], separators=(",", ":"))) < ETCD_LIMIT_BYTES / 2


def test_the_files_are_those_that_the_types_give() -> None:
    stale = [path.name for path, content in generate.generated().items() if path.read_text() != content]
    assert stale == []
    assert {path.name for path in (generate.ROOT / "crds").iterdir()} == set(DEFINITIONS)


def test_each_kind_is_in_the_table_of_kinds_with_its_stored_version() -> None:
    for kind in crds.KINDS:
        (stored,) = (version.name for version in kind.versions if version.stored)
        found = kinds.resource(f"{kind.group}/{stored}", kind.kind)
        assert (found.plural, found.namespaced) == (kind.plural, kind.namespaced)


def test_only_virtual_machines_ask_virt_api_for_another_version() -> None:
    conversions = {file: definition["spec"]["conversion"] for file, definition in crds.definitions("elsewhere").items()}
    asking = {file for file, conversion in conversions.items() if conversion["strategy"] != "None"}
    assert asking == {"kubevirt.io_virtualmachines.yaml"}
    webhook = conversions["kubevirt.io_virtualmachines.yaml"]["webhook"]
    assert webhook["clientConfig"]["service"]["namespace"] == "elsewhere"


def test_a_changed_copy_leaves_the_original_alone() -> None:
    before = json.dumps(virtualmachineinstance.SPEC)
    other = schema.changed(
        virtualmachineinstance.SPEC, "domain.devices.disks[]", lambda disk: schema.described(disk, "Other.")
    )
    devices = other["properties"]["domain"]["properties"]["devices"]
    assert devices["properties"]["disks"]["items"]["description"] == "Other."
    assert json.dumps(virtualmachineinstance.SPEC) == before
    with pytest.raises(KeyError):
        schema.changed(virtualmachineinstance.SPEC, "domain.nothing", lambda found: found)
