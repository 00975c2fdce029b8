"""People with one role at one scope, as the server lets them act below its faces."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from nephoscope.access.authenticator import Caller
from nephoscope.access.scopes import Hierarchy
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.access.principals import PrincipalKind, RoleAssignment

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-00000000000a"
_NUMBERS = count(1)


def context_of(state: State, data: Path, role: str, *scopes: str) -> ServiceContext:
    """The context of a new person who has a role at scopes, at everything where none is given."""
    with state.transaction() as session:
        person = state.principals.add(session, PrincipalKind.PERSON, f"kim{next(_NUMBERS)}@contoso.com")
    now = state.database.local_time()
    held = tuple(
        RoleAssignment(f"r{at}", person.id, role, one, "x", now) for at, one in enumerate(scopes or ("/",))
    )
    return ServiceContext(Caller(person, held, Hierarchy({}), address="192.0.2.1"), state, data)
