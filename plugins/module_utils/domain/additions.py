"""What an installation adds to a domain (api/additions.py).

In: the domain's XML as converted, the additions that are meant for it, the variables' values. Out: the XML with them. A value becomes text of an element or
of an attribute, whatever is in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from ansible_collections.playvirt.core.plugins.module_utils.api import additions, errors
from ansible_collections.playvirt.core.plugins.module_utils.domain import document


def _fill(element: document.Element, given: Mapping[str, str], name: str) -> None:
    for found in element.iter():
        for key, value in found.attrib.items():
            found.set(key, additions.filled(value, given, addition=name))
        if found.text:
            found.text = additions.filled(found.text, given, addition=name)


def apply(xml: str, wanted: Sequence[Mapping[str, Any]], given: Mapping[str, str]) -> str:
    """The domain with the elements in their places, in the order of the additions.

    Raises InvalidObject for an addition whose place this domain does not have, and for a variable without a value.
    """
    if not wanted:
        return xml
    root = ElementTree.fromstring(xml)
    for entry in wanted:
        parent = root.find(entry.get("parent", "."))
        if parent is None:
            raise errors.InvalidObject(
                f"the installation's addition '{entry['name']}' goes into '{entry['parent']}', which this domain does not have",
                field=f"{additions.FIELD}.domain",
            )
        for element in additions.elements(entry["xml"]):
            _fill(element, given, entry["name"])
            parent.append(element)
    return document.text(root)
