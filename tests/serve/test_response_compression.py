"""Compressed answers: what is text is smaller for who asks from the site itself; secrets and other sites' requests go as they are."""

from __future__ import annotations

import gzip
import random

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from nephoscope.serve.response_compression import LEAST, OWN, CompressedAnswers

TEXT = " ".join(random.Random(7).choices(("alert", "rule", "<td>", "resource"), k=2_000)).encode()


def application(**given) -> TestClient:
    async def whole(_request):
        kind = given.get("type", "text/html; charset=utf-8")
        return Response(given.get("body", TEXT), given.get("status", 200), given.get("headers"), kind)

    async def pieces(_request):
        return StreamingResponse(
            (TEXT[at : at + 97] for at in range(0, len(TEXT), 97)), media_type="text/csv"
        )

    routes = [Route("/whole", whole), Route("/pieces", pieces)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(CompressedAnswers)]))


def raw(client: TestClient, path: str, **headers: str) -> tuple[bytes, dict[str, str]]:
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip", **headers}) as answer:
        return b"".join(answer.iter_raw()), dict(answer.headers)


@pytest.mark.parametrize("path", ["/whole", "/pieces"])
@pytest.mark.parametrize("site", ["same-origin", "none", ""])
def test_text_is_smaller_and_the_same(path, site):
    body, headers = raw(application(), path, **({"Sec-Fetch-Site": site} if site else {}))
    assert gzip.decompress(body) == TEXT
    assert len(body) < len(TEXT) / 4
    assert headers["content-encoding"] == "gzip"
    assert headers.get("content-length", str(len(body))) == str(len(body))
    assert {"accept-encoding", "sec-fetch-site"} <= {
        one.strip().lower() for one in headers["vary"].split(",")
    }
    assert headers["cache-control"] == OWN


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "same-site"}),
        ({}, {"Accept-Encoding": "identity"}),
        ({}, {"Accept-Encoding": "br, gzip;q=0"}),
        ({"headers": {"Cache-Control": "no-store"}}, {}),
        ({"headers": {"Content-Encoding": "br"}}, {}),
        ({"type": "application/octet-stream"}, {}),
        ({"type": "text/event-stream"}, {}),
        ({"status": 206}, {}),
        ({"body": TEXT[: LEAST - 1]}, {}),
    ],
    ids=str,
)  # fmt: skip
def test_these_go_as_they_are(given, asked):
    body, headers = raw(application(**given), "/whole", **asked)
    assert body == given.get("body", TEXT)
    assert headers.get("content-encoding") == (given.get("headers") or {}).get("Content-Encoding")


def test_what_an_answer_says_of_keeping_it_stays():
    given = {"Cache-Control": "public, max-age=60", "ETag": '"a"'}
    _, headers = raw(application(headers=given), "/whole")
    assert (headers["cache-control"], headers["etag"]) == ("public, max-age=60", 'W/"a"')
