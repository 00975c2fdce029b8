"""Names of operations: what an operation is called in its group, in the API's description and in addresses of pages.

A function says what it does by a whole verb phrase (`list_access_requests`); inside of its group (`accessRequests`) the noun of the
group goes without saying: the operation is `list` there, and `AccessRequests_List` in the description, as Azure writes it.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def shorten_operation_name(function: str, group: str) -> str:
    """Return the name of a function without the noun of its group, by words: `get_tenant` is `get` in `tenants`."""
    verb, *rest = function.split("_")
    noun = [_to_singular(word.lower()) for word in _WORD.findall(group)]
    singular = [_to_singular(word) for word in rest]
    for length in range(min(len(noun), len(rest)), 0, -1):
        for at in range(len(rest) - length + 1):
            if singular[at : at + length] == noun[-length:]:
                return "_".join((verb, *rest[:at], *rest[at + length :]))
    return function


def build_operation_id(function: str, group: str) -> str:
    """Return the id of an operation as Azure's descriptions have it: noun, underscore, verb (`Tenants_Get`)."""
    return f"{_to_pascal_case(group)}_{_to_pascal_case(shorten_operation_name(function, group))}"


def _to_pascal_case(text: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in _WORD.findall(text))


def _to_singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
