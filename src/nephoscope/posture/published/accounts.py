"""The accounts, groups and applications of the directory, as the last evaluation read them, to be found by what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.files.json_tree import get_tree

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

_APPLICATIONS = "microsoft.graph/serviceprincipals"
#: Type -> the word for it.
KINDS = {
    "microsoft.graph/users": "account",
    "microsoft.graph/groups": "group",
    _APPLICATIONS: "application",
}
#: Objects that are looked through.
MOST = 200_000


@dataclass(frozen=True, slots=True)
class DirectoryObject:
    """An object of the directory: its id in the estate, what people call it, a word for what it is, all its names in lower case."""

    id: str
    name: str
    kind: str
    words: str


def list_accounts(snapshot: PublishedSnapshot, reach: Reach) -> Sequence[DirectoryObject]:
    """Return those that may be read, by name; read once for an edition."""
    return snapshot.get_or_compute(("accounts", reach), lambda: _read_accounts(snapshot, reach))


def find_accounts(snapshot: PublishedSnapshot, reach: Reach, text: str) -> list[DirectoryObject]:
    """Return those of which a name, an address or an id contains a text, in any case."""
    wanted = text.casefold()
    return [one for one in list_accounts(snapshot, reach) if wanted in one.words]


def map_application_names(snapshot: PublishedSnapshot, reach: Reach) -> Mapping[str, str]:
    """Return lower-cased application id -> display name of the service principals that may be read; read once for an edition."""
    return snapshot.get_or_compute(("application names", reach), lambda: _read_names(snapshot, reach))


def _read_names(snapshot: PublishedSnapshot, reach: Reach) -> dict[str, str]:
    bodies = snapshot.listing.page((_APPLICATIONS,), reach, most=MOST).bodies
    accounts = [get_tree(one, "properties") for one in bodies]
    several = ((one.get("appId"), one.get("displayName")) for one in accounts)
    return {str(id_).lower(): str(name) for id_, name in several if id_ and name}


def _read_accounts(snapshot: PublishedSnapshot, reach: Reach) -> tuple[DirectoryObject, ...]:
    bodies = snapshot.listing.page(tuple(KINDS), reach, most=MOST).bodies
    return tuple(sorted((to_account(one) for one in bodies), key=lambda one: (one.name.casefold(), one.id)))


def to_account(body: dict[str, object]) -> DirectoryObject:
    """The account of a document."""
    properties = get_tree(body, "properties")
    id_ = str(body["id"])
    names = [properties.get(name) for name in ("userPrincipalName", "displayName", "mail", "appId", "id")]
    known = [str(one) for one in names if one]
    words = "\n".join([*known, id_.rsplit("/", 1)[-1]]).casefold()
    return DirectoryObject(id_, known[0] if known else id_, KINDS[str(body["type"]).lower()], words)
