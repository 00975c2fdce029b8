"""A caller with too many queries is told so in the words of each surface; others are answered, and who goes away ends its query."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from starlette.testclient import TestClient
from tests.api.test_matrix import OPERATIONS, answer

from nephoscope.access.query_pool import THREAD_NAME
from nephoscope.access.query_queue import QueryLimits
from nephoscope.api.server import build_app
from nephoscope.state.access.principals import SecretKind
from nephoscope_kql.cancellation import CancelledError
from nephoscope_kql.engines.duckdb import DuckDBEngine

GRAPH = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
LOGS = "/v1/workspaces/default/query"
_RANGE = "range n from 1 to 100000000 step 1 | extend one = 1"
ENDLESS = f"{_RANGE} | join kind=inner ({_RANGE}) on one | summarize count() by (n + n1) % 7"


@pytest.fixture
def small(instance):
    """An instance that lets a principal run one query at once, without a line."""
    made = replace(instance, query_limits=QueryLimits(per_principal=1, waiting=0))
    yield made
    made.queries.close()


@pytest.fixture
def client(small):
    with TestClient(build_app(small), base_url="https://127.0.0.1", raise_server_exceptions=False) as made:
        yield made


@contextmanager
def busy(instance, shown):
    """The principal of a header runs a query within it."""
    caller = instance.guard.authenticate_secret(
        shown["Authorization"].partition(" ")[2], [SecretKind.TOKEN], ""
    )
    began, over = threading.Event(), threading.Event()

    def query():
        began.set()
        over.wait()

    async def never():
        await asyncio.Event().wait()

    running = threading.Thread(
        target=lambda: asyncio.run(instance.queries.run(caller.principal.id, query, never))
    )
    running.start()
    began.wait()
    try:
        yield
    finally:
        over.set()
        running.join()


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        (LOGS, {"query": "print 1"}, {"code": "TooManyRequests"}),
        ("/v1/$batch", {"requests": []}, {"code": "TooManyRequests"}),
        (GRAPH, {"query": "resources | count"}, {"code": "RateLimiting"}),
        ("/v1/rest/query", {"db": "default", "csl": "print 1"}, {"code": "Too many requests", "@permanent": False}),
        ("/v2/rest/query", {"db": "default", "csl": "print 1"}, {"code": "Too many requests", "@permanent": False}),
        ("/v1/rest/mgmt", {"db": "default", "csl": ".show tables"}, {"code": "Too many requests"}),
    ],
)  # fmt: skip
def test_too_many_queries_in_the_words_of_a_surface(small, client, owner, path, body, told):
    with busy(small, owner):
        found = client.post(path, headers=owner, json=body)
        assert found.status_code == 429, found.text
        assert told.items() <= found.json()["error"].items()
        assert int(found.headers["retry-after"]) > 0
    assert client.post(path, headers=owner, json=body).status_code == 200


def test_what_is_no_query_and_who_is_another_is_answered_meanwhile(small, client, owner, token):
    other = {"Authorization": f"Bearer {token(('Reader', '/'))}"}
    with busy(small, owner):
        assert client.get("/subscriptions?api-version=2022-12-01", headers=owner).status_code == 200
        assert client.post(LOGS, headers=other, json={"query": "print 1"}).status_code == 200


def test_who_goes_away_ends_the_query(small, owner, monkeypatch):
    began, ended, query = threading.Event(), [], type(small.lake).query

    def noted(lake, *given, **named):
        began.set()
        try:
            return query(lake, *given, **named)
        except BaseException as error:
            ended.append(error)
            raise

    monkeypatch.setattr(type(small.lake), "query", noted)
    asyncio.run(gone_over(build_app(small), LOGS, owner, {"query": ENDLESS}, began))
    small.queries.close()
    assert [type(one) for one in ended] == [CancelledError]
    assert small.queries.counts().running == 0
    assert small.queries.counts().cancelled == 1


async def gone_over(served, path, headers, body, began):
    """Send a request, and go away once its query began."""
    sent = iter([{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}])

    async def receive():
        for one in sent:
            return one
        await asyncio.to_thread(began.wait)
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "scheme": "https",
        "headers": [(b"host", b"127.0.0.1"), *((name.lower().encode(), value.encode()) for name, value in headers.items())],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 443), "root_path": "",
    }  # fmt: skip
    await served(scope, receive, send)


@pytest.mark.parametrize(
    ("prefer", "applied", "seconds"),
    [("wait=600", "wait=60", 60), ("wait=20", "wait=20", 20), ("", None, 60)],
)
def test_nobody_waits_longer_than_the_server_lets(instance, server, owner, monkeypatch, prefer, applied, seconds):  # fmt: skip
    asked, query = [], type(instance.lake).query

    def noted(lake, *given, **named):
        asked.append(named["timeout"])
        return query(lake, *given, **named)

    monkeypatch.setattr(type(instance.lake), "query", noted)
    found = server.post(LOGS, headers={**owner, "Prefer": prefer}, json={"query": "print 1"})
    assert (found.status_code, found.headers.get("preference-applied"), asked) == (200, applied, [seconds])


def test_every_operation_that_runs_a_query_takes_its_turn(instance, server, owner, subscriptions, monkeypatch):  # fmt: skip
    seen, run = {}, DuckDBEngine.run

    def noted(engine, *given, **named):
        seen.setdefault(asked, set()).add(threading.current_thread().name.startswith(THREAD_NAME))
        return run(engine, *given, **named)

    monkeypatch.setattr(DuckDBEngine, "run", noted)
    for one in OPERATIONS:
        if not one.changes:
            asked = one.name
            answer(server, one, subscriptions["sub-bwf-erp-prod"], owner)
    assert {name for name, turns in seen.items() if turns != {True}} == set()
    assert seen.keys() >= {"Query_Execute", "Query_Get", "Kusto_QueryV2", "SoftwareInventories_List"}
