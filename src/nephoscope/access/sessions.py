"""Open sessions of a person's browsers, and their end. Tokens and client secrets are none of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.state.access.principals import Principal, PrincipalSecret, SecretKind

if TYPE_CHECKING:
    from nephoscope.state import State

ENDED = "Nephoscope/sessions/delete"


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session: when it began, was last used (None = only begun) and ends, from which address, by which provider or `link`."""

    id: str
    began: datetime
    used: datetime | None
    ends: datetime | None
    address: str
    way: str


def build_session_label(address: str, way: str) -> str:
    """Return what is kept of where a session is from and how it began."""
    return f"{address} {way}"


def list_open_sessions(state: State, principal: str) -> list[OpenSession]:
    """The sessions of a principal that are in force, newest first."""
    now = state.principals.read_local_time()
    found = state.principals.secrets([SecretKind.SESSION], principal)
    return [_to_session(one) for one in found if one.expires is None or one.expires > now]


def end_sessions(state: State, person: Principal, author: str, address: str = "", only: str = "") -> int:
    """End all sessions of a person, or the one of an id, audited; how many there were."""
    ids = [one.id for one in list_open_sessions(state, person.id) if only in ("", one.id)]
    with state.transaction() as session:
        gone = sum(state.principals.drop(session, id_) for id_ in ids)
        if gone:
            detail = {"sessions": gone}
            state.audit.add(session, author, ENDED, person.name, address=address, detail=detail)
    return gone


def _to_session(one: PrincipalSecret) -> OpenSession:
    address, _, way = one.label.partition(" ")
    return OpenSession(one.id, one.created, one.used, one.expires, address, way)
