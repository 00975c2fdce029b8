"""Secrets open what they are for, until they are over; every change and every refusal is in the audit, which shows tampering."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from nephoscope.access.authenticator import DeniedError, Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.access.secret_digest import hash_secret
from nephoscope.state import State, StateError
from nephoscope.state.access.principals import PrincipalKind, SecretKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def state(tmp_path, clock):
    with State.open(f"sqlite:///{tmp_path / 'state.db'}", tmp_path / "keys", clock=clock) as state:
        yield state


@pytest.fixture
def guard(state):
    return Guard(state, lambda: Hierarchy({}))


def person(state, name="ada", kind=PrincipalKind.PERSON):
    with state.transaction() as session:
        return state.principals.add(session, kind, name)


@pytest.mark.parametrize("kind", list(SecretKind))
def test_a_secret_opens_what_it_is_for(state, guard, kind):
    secret = guard.make_secret(person(state), kind, "owner")
    assert guard.authenticate_secret(secret, [kind]).name == "ada"
    assert guard.authenticate_secret(secret, [one for one in SecretKind if one is not kind]) is None
    assert guard.authenticate_secret(secret + "x", [kind]) is None
    assert guard.authenticate_secret("", [kind]) is None


def test_a_secret_is_over(state, guard, clock):
    secret = guard.make_secret(person(state), SecretKind.TOKEN, "owner", lasts=timedelta(hours=1))
    clock.now = NOON + timedelta(minutes=59)
    assert guard.authenticate_secret(secret, [SecretKind.TOKEN])
    clock.now = NOON + timedelta(hours=1)
    assert guard.authenticate_secret(secret, [SecretKind.TOKEN]) is None


def test_who_is_disabled_is_let_in_no_more(state, guard):
    ada = person(state)
    secret = guard.make_secret(ada, SecretKind.TOKEN, "owner")
    with state.transaction() as session:
        state.principals.disable(session, ada.id)
    assert guard.authenticate_secret(secret, [SecretKind.TOKEN]) is None
    with state.transaction() as session:
        state.principals.disable(session, ada.id, disabled=False)
    assert guard.authenticate_secret(secret, [SecretKind.TOKEN]) is None, "its secrets went"


def test_the_first_link_works_once(state, guard):
    link = guard.create_first_link()
    session = guard.redeem_link(link)
    caller = guard.authenticate_secret(session, [SecretKind.SESSION])
    assert caller.is_permitted("Microsoft.Authorization/roleAssignments/write")
    assert guard.redeem_link(link) is None
    guard.close_session(caller)
    assert guard.authenticate_secret(session, [SecretKind.SESSION]) is None


def test_secrets_are_nowhere_in_the_state(state, guard, tmp_path):
    secret = guard.make_secret(person(state), SecretKind.TOKEN, "owner")
    link = guard.create_first_link()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    assert secret.encode() not in kept
    assert link.encode() not in kept
    assert hash_secret(secret).encode() in kept


def test_denied(state, guard):
    caller = guard.build_caller(person(state))
    with pytest.raises(DeniedError, match=r"Microsoft\.Security/alerts/read at /"):
        caller.require("Microsoft.Security/alerts/read")
    with pytest.raises(DeniedError):
        caller.find_log_scope("Microsoft.OperationalInsights/workspaces/query/read", "default")


def test_two_of_one_name_and_no_such_principal(state):
    person(state)
    with pytest.raises(StateError, match="already"):
        person(state)
    person(state, kind=PrincipalKind.PROGRAM)
    with pytest.raises(StateError, match=r"principal .* not found"), state.transaction() as session:
        state.principals.grant(session, "nobody", "Reader", "/", "t")


def test_the_audit_shows_what_was_changed_in_it(state, guard):
    guard.create_first_link()
    guard.audit_denial("ada", "Microsoft.Security/alerts/read", "/", "127.0.0.1")
    guard.make_secret(person(state), SecretKind.TOKEN, "owner")
    entries = state.audit.entries()
    assert [one.number for one in entries] == list(range(len(entries), 0, -1))
    assert state.audit.find_broken_entry() is None
    with state.transaction() as session:
        session.execute(text("UPDATE audit SET author = 'eve' WHERE number = 2"))
    assert state.audit.find_broken_entry() == 2
    with state.transaction() as session:
        session.execute(text("DELETE FROM audit WHERE number = 2"))
    assert state.audit.find_broken_entry() == 2


@pytest.fixture
def entries(state):
    """An audit of five entries; adds more."""

    def add(count: int, author: str = "ada") -> None:
        for at in range(count):
            with state.transaction() as session:
                state.audit.add(session, author, "Microsoft.Security/alerts/write", f"/{at}")

    add(5)
    return add


def changed(state, sql):
    with state.transaction() as session:
        session.execute(text(sql))


def test_the_audit_shows_that_its_end_is_gone(state, entries):
    changed(state, "DELETE FROM audit WHERE number > 3")
    assert state.audit.find_broken_entry() == 4
    entries(4)
    assert state.audit.find_broken_entry() == 5, "what was added since does not hide it"


def test_the_audit_shows_that_all_of_it_is_gone(state, entries):
    changed(state, "DELETE FROM audit")
    assert state.audit.find_broken_entry() == 1


def test_the_audit_shows_that_it_was_made_anew(state, entries):
    changed(state, "DELETE FROM audit")
    entries(7, "eve")
    assert state.audit.find_broken_entry() == 5


def test_what_is_rolled_back_is_not_missed(state, entries):
    with state.transaction() as session:
        state.audit.add(session, "ada", "Microsoft.Security/alerts/write", "/")
        session.rollback()
    assert len(state.audit.entries()) == 5
    assert state.audit.find_broken_entry() is None
    with state.transaction() as session:
        for _ in range(2):
            state.audit.add(session, "ada", "Microsoft.Security/alerts/write", "/")
    assert state.audit.find_broken_entry() is None
    changed(state, "DELETE FROM audit WHERE number = 7")
    assert state.audit.find_broken_entry() == 7


def test_an_audit_without_its_anchor_says_so(state, entries, tmp_path):
    assert state.audit.is_anchored()
    (tmp_path / "keys" / "audit.anchor").unlink()
    assert not state.audit.is_anchored()
    assert state.audit.find_broken_entry() is None
    entries(1)
    assert state.audit.is_anchored()


def test_the_anchor_is_its_owners_alone_and_says_what_is_wrong(state, entries, tmp_path):
    anchor = tmp_path / "keys" / "audit.anchor"
    assert anchor.stat().st_mode & 0o077 == 0
    assert anchor.read_text() == f"5 {state.audit.entries(most=1)[0].hash}\n"
    anchor.write_text("nonsense")
    entries(1)
    with pytest.raises(StateError, match="not an audit anchor"):
        state.audit.find_broken_entry()
