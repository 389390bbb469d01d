"""The API server's question for other versions of objects, and the answer.

In: a ConversionReview as decoded from JSON. Out: the ConversionReview that answers it. Called by virt-api's /convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.api import errors
from ansible_collections.playvirt.core.plugins.module_utils.conversion import virtualmachine

API_VERSION = "apiextensions.k8s.io/v1"


def _converted(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    objects = request.get("objects")
    if not isinstance(objects, list) or not all(isinstance(obj, Mapping) for obj in objects):
        raise errors.InvalidObject("request.objects is no list of objects", field="request.objects")
    return [virtualmachine.convert(obj, str(request.get("desiredAPIVersion"))) for obj in objects]


def answer(review: Mapping[str, Any]) -> dict[str, Any]:
    """The answer: every object in the version that is desired, or, if one of them cannot be converted, why.

    Raises InvalidObject where it is no ConversionReview with a request, which can only be refused as a whole.
    """
    request = review.get("request")
    if review.get("kind") != "ConversionReview" or not isinstance(request, Mapping) or not request.get("uid"):
        raise errors.InvalidObject("this is no ConversionReview with a request", field="request")
    response: dict[str, Any] = {"uid": request["uid"]}
    try:
        response |= {"convertedObjects": _converted(request), "result": {"status": "Success"}}
    except errors.InvalidObject as error:
        response["result"] = {"status": "Failure", "message": str(error)}
    return {"apiVersion": API_VERSION, "kind": "ConversionReview", "response": response}
