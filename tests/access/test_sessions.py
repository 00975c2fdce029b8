"""Sessions of browsers are listed and ended, by their person and by who lets people in; tokens go on."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.access.sessions import ENDED, end_sessions, list_open_sessions
from nephoscope.cli.main import cli
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind

ONLY = [SecretKind.SESSION]


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def state(data):
    with State.open_folder(data) as state:
        yield state


@pytest.fixture
def guard(state):
    return Guard(state, lambda: Hierarchy({}))


@pytest.fixture
def ada(state):
    with state.transaction() as session:
        return state.principals.add(session, PrincipalKind.PERSON, "ada")


def ended(state):
    return [
        (one.author, one.target, one.detail)
        for one in state.audit.entries(most=100)
        if one.operation == ENDED
    ]


def test_they_say_where_they_are_from_and_how_they_began(state, guard, ada):
    guard.open_session(ada, "203.0.113.7", {"provider": "entra"}, "entra")
    guard.redeem_link(guard.make_secret(ada, SecretKind.LINK, "owner"), "2001:db8::1")
    guard.open_session(ada)
    found = [(one.address, one.way) for one in list_open_sessions(state, ada.id)]
    assert sorted(found) == [("", ""), ("2001:db8::1", "link"), ("203.0.113.7", "entra")]


def test_a_link_ends_the_session_that_the_browser_had(state, guard, ada):
    before = guard.open_session(ada)
    with state.transaction() as session:
        bob = state.principals.add(session, PrincipalKind.PERSON, "bob")
    link = guard.make_secret(bob, SecretKind.LINK, "owner")
    assert guard.redeem_link("x" * 40, before=before) is None
    assert guard.authenticate_secret(before, ONLY) is not None, "a link that is none ends nothing"
    after = guard.redeem_link(link, before=before)
    assert (guard.authenticate_secret(before, ONLY), guard.authenticate_secret(after, ONLY).name) == (
        None,
        "bob",
    )
    assert ended(state)[0][1] == "ada"


def test_one_or_all_are_ended_and_tokens_go_on(state, guard, ada):
    token = guard.make_secret(ada, SecretKind.TOKEN, "owner")
    first, second, third = (guard.open_session(ada) for _ in range(3))
    one = guard.authenticate_secret(first, ONLY).session
    assert end_sessions(state, ada, "ada", "192.0.2.1", only=one) == 1
    assert end_sessions(state, ada, "ada", only=one) == 0, "it is over already"
    assert [guard.authenticate_secret(each, ONLY) is None for each in (first, second, third)] == [
        True,
        False,
        False,
    ]
    assert end_sessions(state, ada, "owner") == 2
    assert end_sessions(state, ada, "owner") == 0
    assert [guard.authenticate_secret(each, ONLY) for each in (second, third)] == [None, None]
    assert guard.authenticate_secret(token, [SecretKind.TOKEN]) is not None
    assert ended(state) == [("owner", "ada", {"sessions": 2}), ("ada", "ada", {"sessions": 1})]


def test_those_of_another_are_not_ended_by_their_id(state, guard, ada):
    with state.transaction() as session:
        bob = state.principals.add(session, PrincipalKind.PERSON, "bob")
    theirs = guard.open_session(bob)
    assert end_sessions(state, ada, "ada", only=guard.authenticate_secret(theirs, ONLY).session) == 0
    assert guard.authenticate_secret(theirs, ONLY) is not None


def test_the_command_signs_somebody_out(data, state, guard, ada):
    secrets = [guard.open_session(ada) for _ in range(2)]
    done = CliRunner().invoke(cli, ["--data", str(data), "access", "sign-out", "ada"])
    assert (done.exit_code, done.output) == (0, "ada: 2 sessions ended\n")
    assert [state.principals.find(one, ONLY) for one in secrets] == [None, None]
    assert list_open_sessions(state, ada.id) == []
    assert ended(state)[0][1:] == ("ada", {"sessions": 2})
    assert CliRunner().invoke(cli, ["--data", str(data), "access", "sign-out", "nobody"]).exit_code == 2
