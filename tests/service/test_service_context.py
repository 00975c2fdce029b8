"""A change through a service context: the permission first, then the change and its entry together or neither."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest

from nephoscope.access.authenticator import Caller, DeniedError
from nephoscope.access.scopes import Hierarchy
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext, get_workspace_scope
from nephoscope.state import StateError
from nephoscope.state.access.principals import Principal, PrincipalKind, RoleAssignment

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from nephoscope.service.actors import AuthorizedActor
    from nephoscope.state import State

WRITE = "Microsoft.SecurityInsights/watchlists/write"


def _caller(state: State, role: str, scope: str) -> Caller:
    now: datetime = state.database.local_time()
    with state.transaction() as session:
        person = state.principals.add(session, PrincipalKind.PERSON, f"{role}@contoso.com")
    assert isinstance(person, Principal)
    held = RoleAssignment("r", person.id, role, scope, "x", now)
    return Caller(person, (held,), Hierarchy({}), address="192.0.2.1")


def _context(state: State, actor: AuthorizedActor, tmp_path: Path) -> ServiceContext:
    return ServiceContext(actor, state, tmp_path / "data")


def test_permission_is_checked_at_the_scope_before_anything_is_changed(state: State, tmp_path: Path) -> None:
    context = _context(state, _caller(state, "Security Admin", "/workspaces/default"), tmp_path)
    with pytest.raises(DeniedError), context.change(WRITE, get_workspace_scope("other"), "watchlist a"):
        state.workspaces.add("made")
    assert state.workspaces.names() == ["default"]
    assert not state.audit.entries()
    with context.change(WRITE, get_workspace_scope("default"), "watchlist a", key="ip", columns=None):
        state.workspaces.add("made")
    [entry] = state.audit.entries()
    assert (entry.author, entry.address, entry.detail) == (
        "Security Admin@contoso.com",
        "192.0.2.1",
        {"key": "ip"},
    )


def test_a_fault_after_the_change_leaves_neither_change_nor_entry(state: State, tmp_path: Path) -> None:
    context = _context(state, LocalUser.current(), tmp_path)
    with pytest.raises(StateError, match="torn"):
        _add_and_fail(context)
    assert not state.principals.all()
    assert not state.audit.entries()


def _add_and_fail(context: ServiceContext) -> None:
    with context.change(WRITE, "/", "x"), context.state.transaction() as session:
        context.state.principals.add(session, PrincipalKind.PERSON, "kim")
        raise StateError("torn")


def test_the_local_user_is_named_as_one_of_the_system(state: State, tmp_path: Path) -> None:
    context = _context(state, LocalUser.current(), tmp_path)
    with context.change_files(WRITE, "/", "pack a"):
        pass
    name = pwd.getpwuid(os.getuid()).pw_name
    assert [(one.author, one.outcome) for one in state.audit.entries()] == [
        (f"os:{name}", "Succeeded"),
        (f"os:{name}", "Started"),
    ]
    assert context.author == name
    assert context.actor.is_permitted("anything", "/workspaces/x")
