"""Write target: check that the scope and names of a path are valid in ARM.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

from __future__ import annotations

import re

from nephoscope.access.scopes import MANAGEMENT_GROUP
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error

LONGEST = 260
_CONTAINER = 90
_BARRED = re.compile(r"[\x00-\x1f\x7f-\x9f<>%&\\?#]")
_SPACE = re.compile(r"[A-Za-z][\w-]*(?:\.[\w-]+)*", re.ASCII)
_TYPE = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_GROUPS = ("microsoft.management/managementgroups", "subscriptions/resourcegroups")
#: Lower-cased type -> the most characters that its name has.
_MOST = {
    **dict.fromkeys(_GROUPS, _CONTAINER),
    **dict.fromkeys(
        (
            "microsoft.authorization/policydefinitions",
            "microsoft.authorization/policysetdefinitions",
            "microsoft.authorization/policyassignments",
            "microsoft.authorization/policyexemptions",
        ),
        64,
    ),
}
#: Of an assignment at a management group.
_AT_GROUP = 24


def check_write_target(path: str) -> None:
    """Fault 404 or 400 where a path has no scope that there is, or a name that nothing can have."""
    words = path.strip("/").split("/")
    at = _count_container_segments(words)
    grouped = path.lower().startswith(MANAGEMENT_GROUP)
    while at < len(words):
        at = _find_resource_end(words, at, grouped=grouped)


def _count_container_segments(words: list[str]) -> int:
    """Count how many words the subscription and resource group of a path are; 0 where it begins with a provider."""
    first = words[0].lower()
    if first == "providers":
        return 0
    if first != "subscriptions" or len(words) < 2:
        problem = "The request did not have a subscription or a valid tenant level resource provider."
        raise ApiError(404, "MissingSubscription", problem)
    _check_name("subscriptions", words[1])
    if len(words) < 4 or words[2].lower() != "resourcegroups":
        return 2
    _check_name("subscriptions/resourcegroups", words[3])
    return 4


def _find_resource_end(words: list[str], at: int, *, grouped: bool) -> int:
    """Return where the resource ends that begins with `providers` at a place, of a path that begins with a management group or not."""
    if words[at].lower() != "providers" or at + 1 == len(words):
        problem = "a scope is a subscription, a resource group, a management group or a resource"
        raise make_bad_request_error(
            f"'{words[at][:100]}' does not start a scope: {problem}.", code="InvalidScope"
        )
    space, at = words[at + 1], at + 2
    if _SPACE.fullmatch(space) is None:
        problem = f"The resource namespace '{space[:100]!a}' is invalid."
        raise ApiError(404, "InvalidResourceNamespace", problem)
    type_ = space.lower()
    while at < len(words) and words[at].lower() != "providers":
        if _TYPE.fullmatch(words[at]) is None:
            raise ApiError(404, "InvalidResourceType", f"The resource type {words[at][:100]!a} is invalid.")
        type_ = f"{type_}/{words[at].lower()}"
        if at + 1 < len(words):
            short = grouped and type_ == "microsoft.authorization/policyassignments"
            _check_name(type_, words[at + 1], _AT_GROUP if short else 0)
        at += 2
    return at


def _check_name(type_: str, name: str, most: int = 0) -> None:
    most = most or _MOST.get(type_, LONGEST)
    why = ""
    if _BARRED.search(name):
        why = r"it must have none of < > % & \ ? # and no control character"
    elif name[-1:] in (".", " ") or not name.strip():
        why = "it must not end with a period or a space"
    elif len(name) > most:
        why = f"it has {len(name)} characters, and at most {most} are allowed"
    if why:
        raise make_bad_request_error(
            f"The resource name {name[:100]!a} is invalid: {why}.", code="InvalidResourceName"
        )
