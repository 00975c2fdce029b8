"""Which role may make which call at which scope, once for all faces: a caller without the permission changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.arrangement import strictly
from tests.service.agent_calls import AGENT_CALLS
from tests.service.calls import CALLS
from tests.service.data_calls import DATA_CALLS
from tests.service.house import arranged
from tests.service.registry_calls import REGISTRY_CALLS

from nephoscope.access.authenticator import Caller, DeniedError
from nephoscope.access.roles import ROLES
from nephoscope.access.scopes import Hierarchy
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.access.principals import Principal, PrincipalKind, RoleAssignment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

EVERY = {**CALLS, **DATA_CALLS, **REGISTRY_CALLS, **AGENT_CALLS}
SUBSCRIPTION = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001"
SCOPES = {"/": True, "/workspaces/default": True, "/workspaces/other": False, SUBSCRIPTION: False}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[State, Lake, Path]]:
    with arranged(tmp_path_factory.mktemp("house")) as found:
        yield found


def _caller(role: str, scope: str, state: State) -> Caller:
    now = state.database.local_time()
    person = Principal("p", PrincipalKind.PERSON, "kim@contoso.com", now, None)
    return Caller(person, (RoleAssignment("r", "p", role, scope, "x", now),), Hierarchy({}))


@pytest.mark.parametrize("name", EVERY)
def test_a_role_at_a_scope(house: tuple[State, Lake, Path], name: str) -> None:
    state, lake, data = house
    call, before = EVERY[name], len(state.audit.entries(most=10_000))
    for role in ROLES:
        for scope, covers in SCOPES.items():
            context = ServiceContext(_caller(role.name, scope, state), state, data)
            wanted = role.name in call.roles and covers and (call.workspace or scope == "/")
            if not wanted:
                with strictly(), pytest.raises(DeniedError):
                    call.do(context, lake)
    assert len(state.audit.entries(most=10_000)) == before
    allowed = min(call.roles)
    with arranged(data.parent / name.replace(" ", "-")) as (own, own_lake, folder), strictly():
        scope = "/workspaces/default" if call.workspace else "/"
        call.do(ServiceContext(_caller(allowed, scope, own), own, folder), own_lake)
        assert own.audit.find_broken_entry() is None
    with arranged(data.parent / f"{name.replace(' ', '-')}-local") as (own, own_lake, folder), strictly():
        call.do(ServiceContext(LocalUser.current(), own, folder), own_lake)
