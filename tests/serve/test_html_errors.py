"""A browser that is refused is shown a page, a program is answered as ARM does."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from nephoscope.serve.html_errors import HtmlErrors
from nephoscope.serve.rate_limit import RateLimitMiddleware

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PROGRAMS = [{}, {"Accept": "application/json"}, {**BROWSER, "Authorization": "Bearer x"}, {"Accept": "*/*"}]


def _refused(status):
    async def answer(_):
        return JSONResponse({"error": {"code": "No", "message": "It <may> not."}}, status)

    return answer


async def _fine(_):
    return PlainTextResponse("fine")


def _client(requests_a_minute=100_000):
    routes = [Route(f"/{one}", _refused(one), methods=["GET", "POST"]) for one in (400, 401, 403, 404)]
    middleware = [
        Middleware(HtmlErrors),
        Middleware(RateLimitMiddleware, requests_a_minute=requests_a_minute),
    ]
    return TestClient(Starlette(routes=[*routes, Route("/", _fine)], middleware=middleware))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("status", "title"), [(401, "Token required"), (403, "Not allowed")])
def test_a_browser_is_shown_a_page(method, status, title):
    answer = _client().request(method, f"/{status}", headers=BROWSER)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert f"<h1>{title}</h1>" in answer.text
    assert ("for programs" if status == 401 else "It &lt;may&gt; not.") in answer.text
    assert 'href="/"' in answer.text


@pytest.mark.parametrize("headers", PROGRAMS)
def test_a_program_is_told_in_json(headers):
    for status in (401, 403):
        assert _client().get(f"/{status}", headers=headers).json()["error"]["code"] == "No"


def test_other_answers_stay_as_they_are():
    for status in (400, 404):
        assert _client().get(f"/{status}", headers=BROWSER).json()["error"]["code"] == "No"
    assert _client().get("/", headers=BROWSER).text == "fine"


@pytest.mark.parametrize("headers", [BROWSER, *PROGRAMS[:2]])
def test_too_many_requests_are_told_with_when_to_try_again(headers):
    client = _client(requests_a_minute=1)
    answers = [client.get("/", headers=headers) for _ in range(60)]
    refused = answers[-1]
    assert answers[0].text == "fine"
    assert refused.status_code == 429
    again = refused.headers["retry-after"]
    if headers is BROWSER:
        assert "<h1>Too many requests</h1>" in refused.text
        assert f"Try again in {again} seconds." in refused.text
    else:
        assert refused.json()["error"]["code"] == "TooManyRequests"
