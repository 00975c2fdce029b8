"""A connection to the database that is lost: what can be done again is, and what cannot is told to come again."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from itertools import count

import psycopg
import pytest
from sqlalchemy import event, text
from starlette.testclient import TestClient
from tests.signing_keys import put_signing_key
from tests.waiting import wait_until

from nephoscope.access.tokens import NO_TENANT
from nephoscope.instance import Instance
from nephoscope.serve.web_application import build_application
from nephoscope.state import NotFoundError
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.database.database import Database, DatabaseUnreachableError
from nephoscope.state.database.retry import run_with_one_retry
from nephoscope.state.database.state_errors import ConnectionLostError
from nephoscope.web.site import COOKIE

pytestmark = pytest.mark.system

_NUMBERS = count(1)
_WORKSPACE = (
    "/subscriptions/none/resourceGroups/none/providers/Microsoft.OperationalInsights/workspaces/default"
)
SEARCH = f"{_WORKSPACE}/savedSearches/one?api-version=2020-08-01"
TOLD = "The database is unavailable: try again later."


@pytest.fixture
def url(postgresql: str) -> str:
    name = f"cut_{next(_NUMBERS)}"
    with psycopg.connect(postgresql.format(database="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgresql.format(database=name)


@pytest.fixture
def instance(url, tmp_path) -> Iterator[Instance]:
    put_signing_key(tmp_path)
    with Instance.open(tmp_path, url, NO_TENANT, 10) as opened:
        yield opened


@pytest.fixture
def cut(url) -> Callable[..., None]:
    """Has the server end the connection that next comes to a statement with some words, or to its commit, so many times."""

    def armed(database: Database, words: str, times: int = 1) -> list[str]:
        seen: list[str] = []

        def end(connection) -> None:
            pid = connection.connection.dbapi_connection.info.backend_pid
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

        def before(connection, _cursor, statement, *_):
            if words and words in statement and len(seen) < times:
                seen.append(statement)
                end(connection)

        def committing(connection):
            if not words and len(seen) < times and not connection.get_execution_options().get("only_reads"):
                seen.append("COMMIT")
                end(connection)

        event.listen(database.engine, "before_cursor_execute", before)
        event.listen(database.engine, "commit", committing)
        return seen

    return armed


@pytest.fixture
def owner(instance) -> TestClient:
    """A client that shows a token and the cookie of a person, both of an owner."""
    with instance.state.transaction() as session:
        people = instance.state.principals
        made = people.add(session, PrincipalKind.PERSON, "ada")
        people.grant(session, made.id, "Owner", "/", "test")
    client = TestClient(
        build_application(instance), base_url="https://127.0.0.1", raise_server_exceptions=False
    )
    client.headers["Authorization"] = f"Bearer {instance.guard.make_secret(made, SecretKind.TOKEN, 'test')}"
    client.cookies.set(COOKIE, instance.guard.make_secret(made, SecretKind.SESSION, "test"))
    # what is noted of a use is noted before anything is cut
    assert client.get("/admin/v1/sources").status_code == 200
    assert client.get("/incidents").status_code == 200
    instance.guard.flush()
    return client


def searched(client: TestClient):
    properties = {"category": "ours", "displayName": "One", "query": "SigninLogs | take 1"}
    return client.put(SEARCH, json={"properties": properties})


ASKED = {
    "ARM read": ("FROM arm_documents", lambda one: one.get(SEARCH)),
    "ARM change": ("UPDATE saved_queries", searched),
    "own API read": ("FROM sources", lambda one: one.get("/admin/v1/sources")),
    "page": ("FROM incidents", lambda one: one.get("/incidents")),
    "readiness": ("FROM workspaces", lambda one: one.get("/readyz")),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ASKED)
def test_what_lost_its_connection_before_a_commit_is_done_once_more(instance, owner, cut, name):
    words, ask = ASKED[name]
    assert searched(owner).status_code == 200
    seen = cut(instance.state.database, words)
    told = ask(owner)
    assert (told.status_code, len(seen)) == (200, 1), told.text


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ASKED)
def test_what_loses_it_again_is_told_to_come_again(instance, owner, cut, name, url, caplog):
    words, ask = ASKED[name]
    assert searched(owner).status_code == 200
    cut(instance.state.database, words, 2)
    with caplog.at_level(logging.WARNING):
        told = ask(owner)
    assert told.status_code == 503, told.text
    assert TOLD in told.text
    assert "postgres" not in told.text
    assert any("postgresql+psycopg" in one and "terminat" in one for one in caplog.messages)
    if name != "readiness":
        assert int(told.headers["retry-after"]) > 0
    assert ask(owner).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", SEARCH, {"properties": {"category": "c", "displayName": "One", "query": "SigninLogs"}})],
)
def test_a_change_that_was_at_its_commit_is_done_once(instance, owner, cut, method, path, body):
    seen = cut(instance.state.database, "", 1)
    told = owner.request(method, path, json=body)
    assert (told.status_code, told.json()["error"]["message"], seen) == (503, TOLD, ["COMMIT"])
    assert owner.get(path).status_code == 404
    assert owner.request(method, path, json=body).status_code == 200


INSIGHTS = f"{_WORKSPACE}/providers/Microsoft.SecurityInsights"
V = "api-version=2023-11-01"
ONE = "5f2ac8b4-6a1d-4e0b-9d5f-0a1b2c3d4e5f"
RULE = {
    "displayName": "d", "enabled": True, "severity": "Low", "query": "SigninLogs", "queryFrequency": "PT1H", "queryPeriod": "PT1H",
    "triggerOperator": "GreaterThan", "triggerThreshold": 0, "suppressionDuration": "PT1H", "suppressionEnabled": False,
}  # fmt: skip
#: What is made, and goes again: each path, its body, and what the audit says of the end of it.
KEPT = {
    "rule": (f"alertRules/{ONE}", {"kind": "Scheduled", "properties": RULE}, "alertRules/delete"),
    "bookmark": (f"bookmarks/{ONE}", {"properties": {"displayName": "b", "query": "print 1"}}, "bookmarks/delete"),
    "incident": (
        f"incidents/{ONE}", {"properties": {"title": "t", "severity": "Low", "status": "New"}}, "incidents/delete",
    ),
    "watchlist": (
        "watchlists/w",
        {"properties": {"displayName": "w", "provider": "p", "itemsSearchKey": "k", "rawContent": "k\n1\n", "source": "f.csv"}},
        "watchlists/delete",
    ),
}  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", KEPT)
def test_nothing_goes_of_which_the_audit_knows_nothing(instance, owner, cut, kind, times):
    """The connection ends at the entry of a deletion, once or twice over: there is one entry in the end, and one deletion."""
    path, body, operation = KEPT[kind]
    url = f"{INSIGHTS}/{path}?{V}"
    assert owner.put(url, json=body).status_code in (200, 201)
    seen = cut(instance.state.database, "INSERT INTO audit", times)
    told = owner.delete(url)
    assert (told.status_code, len(seen)) == ((200, 1) if times == 1 else (503, 2)), told.text
    if times == 2:
        assert owner.get(url).status_code == 200
        assert owner.delete(url).status_code == 200
    assert owner.get(url).status_code == 404
    entries = [one for one in instance.state.audit.entries(most=50) if one.operation.endswith(operation)]
    assert len(entries) == 1


#: What is made or changed, after what there was before: each path and its body.
MADE = {
    "incident": KEPT["incident"][:2],
    "incident, again": (
        f"incidents/{ONE}",
        {
            "properties": {
                "title": "other", "severity": "High", "status": "Closed", "classification": "Undetermined",
                "classificationComment": "why",
            },
        },
    ),
    "comment": (f"incidents/{ONE}/comments/c", {"properties": {"message": "m"}}),
    "comment, again": (f"incidents/{ONE}/comments/c", {"properties": {"message": "other"}}),
    "task": (f"incidents/{ONE}/tasks/t", {"properties": {"title": "t", "status": "New"}}),
    "watchlist": KEPT["watchlist"][:2],
    "watchlist, again": (
        "watchlists/w", {"properties": {**KEPT["watchlist"][1]["properties"], "rawContent": "k\n2\n"}},
    ),
    "rule": KEPT["rule"][:2],
    "rule, again": (f"alertRules/{ONE}", {"kind": "Scheduled", "properties": {**RULE, "displayName": "other"}}),
}  # fmt: skip
#: What of an answer says when it was given, and not what is kept.
_PASSING = re.compile(r'"(etag|[a-z]+ModifiedTimeUtc|lastModifiedUtc)":"[^"]*"')


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", MADE)
def test_nothing_is_there_of_which_the_audit_knows_nothing(instance, owner, cut, kind):
    """The connection ends at the entry of a change, twice over: nothing is changed, and the next try is entered once."""
    for before, (path, body) in MADE.items():
        if before == kind:
            break
        assert owner.put(f"{INSIGHTS}/{path}?{V}", json=body).status_code in (200, 201)
    path, body = MADE[kind]
    url, known = f"{INSIGHTS}/{path}?{V}", len(instance.state.audit.entries(most=100))
    old = owner.get(url)
    seen = cut(instance.state.database, "INSERT INTO audit", 2)
    told = owner.put(url, json=body)
    assert (told.status_code, len(seen)) == (503, 2), told.text
    now = owner.get(url)
    assert (now.status_code, _PASSING.sub("", now.text)) == (old.status_code, _PASSING.sub("", old.text))
    assert len(instance.state.audit.entries(most=100)) == known
    assert owner.put(url, json=body).status_code == (201 if old.status_code == 404 else 200)
    assert len(instance.state.audit.entries(most=100)) == known + 1


def test_a_decision_on_the_page_is_entered_with_it(instance, owner, cut):
    made = owner.put(f"{INSIGHTS}/{KEPT['incident'][0]}?{V}", json=KEPT["incident"][1]).json()
    number = made["properties"]["incidentNumber"]
    seen = cut(instance.state.database, "INSERT INTO audit")

    def decided() -> tuple[int, int, int]:
        told = owner.post(
            f"/incidents/{number}?workspace=default",
            data={"act": "comment", "text": "seen"},
            headers={"Sec-Fetch-Site": "same-origin"},
            follow_redirects=False,
        )
        with instance.state.reading() as session:
            notes = instance.state.incidents.notes(session, number)
        entries = instance.state.audit.entries(most=50)
        return told.status_code, len(notes), sum(one.target == f"incident {number}" for one in entries)

    assert (decided(), len(seen)) == ((503, 0, 1), 1)
    assert decided() == (303, 1, 2)


@pytest.mark.parametrize(
    ("path", "properties"),
    [
        (f"bookmarks/{ONE}", {"displayName": "a\x00b", "query": "print 1"}),
        (f"incidents/{ONE}", {"title": "a\x00b", "severity": "Low", "status": "New"}),
        (
            f"watchlists/w/watchlistItems/{ONE}",
            {"itemsKeyValue": {"k": "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(9000))}},
        ),
    ],
    ids=["bookmark", "incident", "item"],
)
def test_what_can_never_be_kept_is_not_told_to_come_again(instance, owner, path, properties):
    made = KEPT["watchlist"]
    assert owner.put(f"{INSIGHTS}/{made[0]}?{V}", json=made[1]).status_code in (200, 201)
    told = owner.put(f"{INSIGHTS}/{path}?{V}", json={"properties": properties})
    assert told.status_code in (400, 409), told.text
    assert "NUL" in told.text or "index row" in told.text


def test_a_form_that_was_cut_is_told_to_come_again(instance, owner, cut):
    seen = cut(instance.state.database, "INSERT INTO saved_queries")
    form, here = {"name": "Mine", "query": "print 1"}, {"Sec-Fetch-Site": "same-origin"}
    told = owner.post("/logs/queries", data=form, headers=here)
    assert (told.status_code, TOLD in told.text, len(seen)) == (503, True, 1), told.text
    assert owner.post("/logs/queries", data=form, headers=here, follow_redirects=False).status_code == 303


def test_nobody_without_a_credential_is_told_where_the_state_is(instance, owner, url, monkeypatch, caplog):
    reason = (
        f"{instance.state.database.display_url}: connection failed: connection to server at 127.0.0.1 failed"
    )

    def gone(*_, **__):
        raise DatabaseUnreachableError(reason)

    anybody = TestClient(
        build_application(instance), base_url="https://127.0.0.1", raise_server_exceptions=False
    )
    anybody.cookies.set(COOKIE, "x" * 40)
    monkeypatch.setattr(instance.state.database, "read", gone)
    monkeypatch.setattr(instance.state.database, "write", gone)
    shown = {"Authorization": f"Bearer {'x' * 40}"}
    for path in (
        "/readyz",
        "/metrics",
        "/sign-in",
        "/subscriptions?api-version=2022-12-01",
        "/admin/v1/sources",
        "/",
    ):
        for headers in ({}, shown, {"Accept": "text/html"}):
            told = anybody.get(path, headers=headers, follow_redirects=False)
            assert not [
                one for one in ("postgres", "psycopg", "127.0.0.1 failed", "host=") if one in told.text
            ], path
            assert told.status_code in (200, 303, 401, 503), (path, told.status_code)
    assert any(reason in one for one in caplog.messages)


def test_only_what_was_cut_before_a_commit_is_tried_twice(instance, cut):
    database, tries = instance.state.database, []

    def kept() -> None:
        tries.append(1)
        with database.write() as session:
            session.execute(text("SELECT 1"))
        with database.read() as session:
            session.execute(text("SELECT 2"))

    def wrong() -> None:
        tries.append(1)
        raise NotFoundError("nothing")

    cut(database, "SELECT 2")
    with pytest.raises(ConnectionLostError):
        run_with_one_retry(kept)
    with pytest.raises(NotFoundError):
        run_with_one_retry(wrong)
    assert len(tries) == 2


def test_who_did_nothing_in_a_transaction_for_too_long_was_cut(instance):
    with pytest.raises(ConnectionLostError):
        _idle(instance.state.database)


def _idle(database: Database) -> None:
    gone = text("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = :pid")
    with database.write() as session:
        session.execute(text("SET idle_in_transaction_session_timeout = 1"))
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with database.read() as other:
            clear = text("SELECT pg_stat_clear_snapshot()")
            wait_until(lambda: other.execute(clear) and other.execute(gone, {"pid": pid}).scalar_one())
        session.execute(text("SELECT 1"))


def test_a_server_that_can_only_be_read_is_told_so(instance, owner, url, caplog):
    told = "The database is read-only at the moment: try again later."
    assert searched(owner).status_code == 200
    assert owner.get("/readyz").json() == {"ready": True, "reasons": []}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_read_only = on")
    instance.state.database.engine.dispose()
    assert owner.get(SEARCH).status_code == 200
    with caplog.at_level(logging.WARNING):
        form, here = {"name": "Mine", "query": "print 1"}, {"Sec-Fetch-Site": "same-origin"}
        for answer in (searched(owner), owner.post("/logs/queries", data=form, headers=here)):
            assert answer.status_code == 503, answer.text
            assert told in answer.text
            assert int(answer.headers["retry-after"]) > 0
    assert any("read-only transaction" in one and "postgresql+psycopg" in one for one in caplog.messages)
    ready = owner.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, [f"state: {told}"])
