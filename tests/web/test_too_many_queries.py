"""A visitor with too many queries is shown a page that says so; the other pages are drawn meanwhile."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from starlette.testclient import TestClient
from tests.web.conftest import BASE

from nephoscope.access.query_queue import QueryLimits
from nephoscope.serve.web_application import build_application
from nephoscope.state.access.principals import SecretKind
from nephoscope.web.site import COOKIE

QUERY = "/logs?workspace=default&query=print+1"


@pytest.fixture
def small(instance):
    """An instance that lets a principal run one query at once, without a line."""
    made = replace(instance, query_limits=QueryLimits(per_principal=1, waiting=0))
    yield made
    made.queries.close()


@contextmanager
def busy(instance, principal):
    """A principal runs a query within it."""
    began, over = threading.Event(), threading.Event()

    def query():
        began.set()
        over.wait()

    async def never():
        await asyncio.Event().wait()

    running = threading.Thread(target=lambda: asyncio.run(instance.queries.run(principal, query, never)))
    running.start()
    began.wait()
    try:
        yield
    finally:
        over.set()
        running.join()


def test_too_many_queries_are_told_by_a_page(small, owner):
    cookie = owner.headers["Cookie"]
    caller = small.guard.authenticate_secret(cookie.removeprefix(f"{COOKIE}="), [SecretKind.SESSION], "")
    headers = {"Cookie": cookie, "Accept": "text/html"}
    with TestClient(build_application(small), base_url=BASE, headers=headers) as client:
        with busy(small, caller.principal.id):
            found = client.get(QUERY)
            assert found.status_code == 429, found.text
            assert "Too many queries" in found.text
            assert "Run the query again" in found.text
            assert int(found.headers["retry-after"]) > 0
            assert client.get("/logs?workspace=default").status_code == 200
            assert client.get("/settings").status_code == 200
        assert client.get(QUERY).status_code == 200
