"""Writing XML: elements out of nested calls, and the text of a document.

The only file that imports an XML library. No policy here: what a domain holds is decided by its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

Element = ElementTree.Element


def element(tag: str, *children: Element | str | None, **attributes: str | int | None) -> Element:
    """An element with attributes (None leaves one out; a trailing underscore is dropped, for `type_`) and children (None leaves one out).

    A string child is the element's text. Values are escaped when the document is written.
    """
    made = ElementTree.Element(
        tag, {key.rstrip("_"): str(value) for key, value in attributes.items() if value is not None}
    )
    for child in children:
        if isinstance(child, str):
            made.text = (made.text or "") + child
        elif child is not None:
            made.append(child)
    return made


def group(tag: str, children: Iterable[Element], **attributes: str | int | None) -> Element:
    """An element with a list of children."""
    return element(tag, *children, **attributes)


def text(root: Element) -> str:
    """The document, indented by two spaces."""
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
