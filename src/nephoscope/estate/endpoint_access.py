"""Endpoint access: whom the public endpoint of a service answers, and the judgement of plain lists of addresses."""

from __future__ import annotations

from enum import Enum

from nephoscope.estate.addresses import AddressSet, is_prefix
from nephoscope.estate.ingress_paths import is_broad_set


class EndpointAccess(Enum):
    """Whom an endpoint answers."""

    NOBODY = "nobody"
    LISTED = "listed networks"
    EVERYBODY = "everybody"


def assess_addresses(addresses: AddressSet, *, others: bool = False) -> EndpointAccess:
    """Return whom a list of allowed addresses lets in; `others` says that networks are listed elsewhere."""
    if is_broad_set(addresses):
        return EndpointAccess.EVERYBODY
    return EndpointAccess.LISTED if addresses or others else EndpointAccess.NOBODY


def read_allowed_addresses(rules: object, *names: str) -> AddressSet:
    """Return the addresses of a list of rules (objects with an address under one of some names, or texts), but for those that deny."""
    found: list[str] = []
    for one in rules if isinstance(rules, list) else ():
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict) and str(one.get("action") or "allow").lower() in ("allow", "accept"):
            found += [str(one[name]) for name in names if one.get(name)]
    return AddressSet.of([text for text in found if is_prefix(text)])


def read_object(value: object) -> dict[str, object]:
    """Return an object, {} for what is none."""
    return value if isinstance(value, dict) else {}
