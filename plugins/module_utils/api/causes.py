"""Why an object is refused: one Cause for each thing that is wrong, as the API's Status lists them in details.causes."""

from __future__ import annotations

from dataclasses import dataclass

INVALID = "FieldValueInvalid"
TYPE_INVALID = "FieldValueTypeInvalid"
REQUIRED = "FieldValueRequired"
NOT_SUPPORTED = "FieldValueNotSupported"
DUPLICATE = "FieldValueDuplicate"
NOT_FOUND = "FieldValueNotFound"
TOO_LONG = "FieldValueTooLong"
TOO_MANY = "FieldValueTooMany"
FORBIDDEN = "FieldValueForbidden"


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong: the path of the field (empty for none), a sentence, and one of the types above."""

    field: str
    message: str
    type: str = INVALID
