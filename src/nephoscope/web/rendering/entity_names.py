"""Entity names: where the page of an entity is, its icon, and what people call its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.participants import Participant

#: Kind of an entity in an alert -> its kind in the address of its page.
KINDS = {
    "Account": "user",
    "Mailbox": "user",
    "IP": "address",
    "Host": "machine",
    "CloudApplication": "application",
}
_ICONS = {
    "user": "entity-account",
    "address": "entity-ip",
    "machine": "entity-host",
    "application": "entity-application",
}
_RESOURCE, _OTHER = "entity-resource", "entity-other"
#: The icons of entities.
ENTITY_ICONS = frozenset({*_ICONS.values(), _RESOURCE, _OTHER})


def get_entity_path(party: Participant) -> str:
    """The path of the page of one that takes part, '' where its kind has none."""
    kind = get_entity_kind(party)
    return f"/entities/{kind}/{quote(party.id or party.title, safe='@')}" if kind else ""


def get_entity_kind(party: Participant) -> str:
    """The kind of the page: an application where a log calls it so, '' for none."""
    kinds = {KINDS[one.kind] for one in party.entities if one.kind in KINDS}
    return next((one for one in ("application", "user", "machine", "address") if one in kinds), "")


def get_entity_icon(party: Participant) -> str:
    """The name of the icon of one that takes part."""
    kind = get_entity_kind(party)
    if kind:
        return _ICONS[kind]
    return _RESOURCE if party.resource else _OTHER


#: Kind of an entity in an alert -> what people call it.
WORDS = {
    "Account": "account", "Mailbox": "mailbox", "IP": "IP address", "Host": "machine", "CloudApplication": "application",
    "AzureResource": "resource", "FileHash": "file hash", "File": "file", "Process": "process", "URL": "URL", "DNS": "domain",
}  # fmt: skip


def describe_entity(party: Participant) -> str:
    """Say what one that takes part is, by each kind that a log gave it."""
    return ", ".join(dict.fromkeys(WORDS.get(one.kind, one.kind) for one in party.entities))
