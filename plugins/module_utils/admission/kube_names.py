"""Kubernetes' own rules for names, with the texts that its API server uses.

In: a text. Out: what is wrong with it, an empty list where nothing is.
"""

from __future__ import annotations

import re

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"


def too_long(limit: int) -> str:
    """The text for a name that has more characters than allowed."""
    return f"must be no more than {limit} characters"


def dns_label(text: str) -> list[str]:
    """A name between two dots."""
    found = [too_long(63)] if len(text) > 63 else []
    if not re.fullmatch(_LABEL, text):
        found.append(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric"
            f" character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
        )
    return found


def dns_subdomain(text: str) -> list[str]:
    """One or more labels with dots between them."""
    found = [too_long(253)] if len(text) > 253 else []
    if not re.fullmatch(_SUBDOMAIN, text):
        found.append(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an"
            f" alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
        )
    return found


def is_port_name(text: str) -> bool:
    """Whether it may name a port: up to 15 lower case letters, digits and single dashes, with a letter among them."""
    shape = re.fullmatch("[a-z0-9]([a-z0-9-]*[a-z0-9])?", text)
    return bool(shape and len(text) <= 15 and "--" not in text and re.search("[a-z]", text))


def label_key(text: str) -> list[str]:
    """The key of a label: a name, with a DNS subdomain and a slash before it or not."""
    prefix, slash, name = text.rpartition("/")
    if slash and (not prefix or dns_subdomain(prefix)):
        return [f"prefix part of '{text}' must be a DNS subdomain"]
    if not name or len(name) > 63 or not re.fullmatch(_QUALIFIED, name):
        return [
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',"
            f"  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
        ]
    return []


def label_value(text: str) -> list[str]:
    """The value of a label."""
    if len(text) > 63:
        return [too_long(63)]
    if not re.fullmatch(_LABEL_VALUE, text):
        return [
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
            " alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is"
            rf" '{_LABEL_VALUE}')"
        ]
    return []
