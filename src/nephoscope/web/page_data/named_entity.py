"""Named entity: the user, address, machine or application that an address of a page names, by all its names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.model.entity import Entity
from nephoscope.posture.published.accounts import find_accounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.posture.published.accounts import DirectoryObject
    from nephoscope.web.visits.request_context import Visit

RESOURCES = "Microsoft.Resources/subscriptions/resources/read"
#: Kind in an address -> what people call it.
KINDS = {"user": "User", "address": "IP address", "machine": "Machine", "application": "Application"}
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """An entity: what people call it, the values that logs have of it, the entities of alerts that are it, and its account."""

    kind: str
    name: str
    title: str
    values: Sequence[str]
    entities: Sequence[Entity]
    account: DirectoryObject | None = None


def find_entity(visit: Visit, kind: str, name: str) -> NamedEntity:
    """The entity of a name; what the directory calls it is known for who may read that."""
    account = _find_account(visit, name) if kind in ("user", "application") else None
    known = account.words.split("\n") if account else []
    values = [
        name,
        *(one for one in dict.fromkeys(known) if one != name.lower() and _identifies_account(kind, one)),
    ]
    title = account.name if account and _GUID.fullmatch(name) else name
    entities = [one for value in values for one in _list_entities(kind, value)]
    return NamedEntity(kind, name, title, values, list(dict.fromkeys(entities)), account)


def _find_account(visit: Visit, name: str) -> DirectoryObject | None:
    if visit.snapshot is None:
        return None
    found = find_accounts(visit.snapshot, visit.caller.find_reach(RESOURCES), name)
    (*exact,) = (one for one in found if name.lower() in one.words.split("\n"))
    return exact[0] if len(exact) == 1 else None


def _identifies_account(kind: str, value: str) -> bool:
    """Return whether a value of an account names it alone: an id, an address of a user, the name of an application."""
    return kind == "application" or "@" in value or _GUID.fullmatch(value) is not None


def _list_entities(kind: str, value: str) -> list[Entity]:
    found = [Entity.of(of, identifiers) for of, identifiers in _list_identifiers(kind, value)]
    return [one for one in found if one is not None]


def _list_identifiers(kind: str, value: str) -> list[tuple[str, dict[str, str]]]:
    if kind == "address":
        return [("IP", {"Address": value})]
    if kind == "machine":
        host, _, domain = value.partition(".")
        return [("Host", {"HostName": host, "DnsDomain": domain})]
    if _GUID.fullmatch(value):
        account = ("Account", {"AadUserId": value})
        return [account] if kind == "user" else [("CloudApplication", {"AppId": value}), account]
    if kind == "application":
        return [("CloudApplication", {"Name": value})]
    name, _, suffix = value.partition("@")
    return [("Account", {"Name": name, "UPNSuffix": suffix})]
