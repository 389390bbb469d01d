"""VirtualMachineInstancePresets: which of them apply to an instance, whether they agree, and the instance with them merged in.

In: an instance (or a template seen as one) and the presets of its namespace. Out: `Applied`. A preset fills what the instance leaves empty and
never overrides; where both say something else, a warning names the preset and the field. Two presets that say different things about one field are a
conflict, whatever the instance says: nobody could tell which of them was meant.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import amounts, label_selector, tree
from ansible_collections.playvirt.core.plugins.module_utils.api.causes import Cause

EXCLUDE = "virtualmachineinstancepresets.admission.kubevirt.io/exclude"
APPLIED = "virtualmachinepreset.kubevirt.io/"
_APPLIED_VALUE = "kubevirt.io/v1"
#: an annotation's name after the slash
LONGEST_NAME = 63
#: more are not looked for, since each takes a look at all presets
_MOST_CONFLICTS = 10

#: of these fields an object has one: a preset's other one is not merged in beside it
_UNIONS = (
    frozenset({"disk", "lun", "cdrom"}),
    frozenset({"bridge", "masquerade", "sriov", "passtBinding", "binding", "slirp", "macvtap", "passt"}),
    frozenset({"utc", "timezone"}),
    frozenset({"efi", "bios"}),
    frozenset({"sev", "snp", "tdx"}),
    frozenset({"i6300esb", "diag288"}),
)


@dataclass(frozen=True)
class Applied:
    """The instance with its presets, the names of those, warnings, and the causes of a conflict (then nothing was merged)."""

    vmi: dict[str, Any]
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()


def name_of(preset: Mapping[str, Any]) -> str:
    """The preset's name."""
    return tree.text(tree.section(preset, "metadata"), "name")


def selected(vmi: Mapping[str, Any], presets: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The presets that apply to the instance, by name; none where its annotation says so."""
    meta = tree.section(vmi, "metadata")
    if tree.section(meta, "annotations").get(EXCLUDE) == "true":
        return []
    labels = tree.section(meta, "labels")
    found = [
        preset
        for preset in presets
        if not tree.text(tree.section(preset, "metadata"), "deletionTimestamp")
        and label_selector.matches(tree.section(preset, "spec").get("selector"), labels)
    ]
    return sorted(found, key=name_of)


def _is_named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, Mapping) and "name" in entry for entry in value)


def _is_equal(one: Any, other: Any) -> bool:
    """Whether two values mean the same; 1Gi and 1024Mi do."""
    if one == other and isinstance(one, bool) == isinstance(other, bool):
        return True
    if isinstance(one, str | int) and isinstance(other, str | int) and not isinstance(one, bool):
        first, second = amounts.parse(one), amounts.parse(other)
        return first is not None and first == second
    return False


def _rivals(key: str, present: Mapping[str, Any]) -> set[str]:
    """The fields of an object that exclude another one."""
    return {name for union in _UNIONS if key in union for name in union & present.keys() if name != key}


def _merge(into: dict[str, Any], given: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    """Fill what is empty; yields each field that both have and that differs: path, value kept, value not taken."""
    for key, value in given.items():
        place, kept = tree.path(path, key), into.get(key)
        if kept is None or kept == "":
            if rivals := _rivals(key, into):
                yield place, sorted(rivals)[0], key
            else:
                into[key] = tree.copied(value)
        elif isinstance(kept, dict) and isinstance(value, Mapping):
            yield from _merge(kept, value, place)
        elif _is_named(kept) and _is_named(value):
            yield from _merge_lists(kept, value, place)
        elif not _is_equal(kept, value):
            yield place, kept, value


def _merge_lists(into: list[Any], given: Sequence[Mapping[str, Any]], path: str) -> Iterator[tuple[str, Any, Any]]:
    """Lists of named things are merged by name; new ones come after those that are there."""
    places = {entry["name"]: index for index, entry in enumerate(into)}
    for entry in given:
        index = places.get(entry["name"])
        if index is None:
            into.append(tree.copied(entry))
        else:
            yield from _merge(into[index], entry, tree.path(path, index))


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _conflict(one: Mapping[str, Any], two: Mapping[str, Any]) -> str:
    """In which fields two presets differ, empty where they agree."""
    domain, other = (tree.section(preset, "spec", "domain") for preset in (one, two))
    differing = list(_merge(tree.copied(domain), other, "spec.domain"))
    if not differing:
        return ""
    place, first, second = differing[0]
    more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
    names = f"presets '{name_of(one)}' and '{name_of(two)}' conflict"
    return f"{names}: {place}: '{_shown(first)}' and '{_shown(second)}'{more}"


def _conflicts(presets: Sequence[Mapping[str, Any]], field: str) -> Iterator[Cause]:
    """Each preset that differs from one before it, with that one; what all before it say together tells at once whether there is any."""
    together: dict[str, Any] = {}
    for index, preset in enumerate(presets):
        if list(_merge(together, tree.section(preset, "spec", "domain"), "spec.domain")):
            found = next(filter(None, (_conflict(before, preset) for before in presets[:index])), "")
            if found:
                yield Cause(field, f"VirtualMachinePresets cannot be applied due to conflicts: {found}")


def apply(
    vmi: Mapping[str, Any],
    presets: Sequence[Mapping[str, Any]],
    *,
    field: str = "spec",
    meta_field: str = "metadata",
    in_place: bool = False,
) -> Applied:
    """The instance with the presets of its namespace; `field` and `meta_field` say where it stands in the posted object.

    The instance is copied, or with `in_place` (it has to be a dict) changed itself.
    """
    merged = vmi if in_place and isinstance(vmi, dict) else tree.copied(vmi)
    wanted = selected(vmi, presets)
    if not wanted:
        return Applied(merged)
    causes = tuple(itertools.islice(_conflicts(wanted, tree.path(meta_field, "labels")), _MOST_CONFLICTS))
    if causes:
        return Applied(merged, causes=causes)
    warnings = []
    spec = merged.setdefault("spec", {})
    domain = spec.setdefault("domain", {})
    annotations = merged.setdefault("metadata", {}).setdefault("annotations", {})
    for preset in wanted:
        name = name_of(preset)
        for place, kept, refused in _merge(domain, tree.section(preset, "spec", "domain"), f"{field}.domain"):
            warnings.append(
                f"{place} '{_shown(kept)}' overrides VirtualMachineInstancePreset '{name}', which says '{_shown(refused)}'"
            )
        if len(name) <= LONGEST_NAME:
            annotations[f"{APPLIED}{name}"] = _APPLIED_VALUE
    return Applied(merged, tuple(map(name_of, wanted)), tuple(warnings))
