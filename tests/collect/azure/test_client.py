"""The client can only read, stays on its origin, bounds what it takes, and never shows a token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from nephoscope.connect import read_only_client as module
from nephoscope.connect.credentials import TokenProvider
from nephoscope.connect.read_only_client import (
    ReadOnlyClientError,
    RequestError,
    RestClient,
    require_read_only,
)

ORIGIN = "https://management.azure.com"
Handler = Callable[[httpx.Request], httpx.Response]


class Credentials:
    """Numbered tokens; `asked` has the options of each request for one."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def get_token(self, *_: str, **options: Any) -> Any:
        self.asked.append(options)
        return SimpleNamespace(token=f"secret-{len(self.asked)}", expires_on=2**40)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_compute_backoff", lambda _: 0.0)


@pytest.fixture
def credentials() -> Credentials:
    return Credentials()


@pytest.fixture
def made(credentials: Credentials) -> Iterator[Callable[[Handler], RestClient]]:
    clients: list[RestClient] = []

    def make(handler: Handler) -> RestClient:
        found = RestClient(ORIGIN, TokenProvider(lambda: credentials, "x/.default"), sleep=lambda _: None)
        found._http.close()
        found._http = httpx.Client(transport=httpx.MockTransport(handler))
        clients.append(found)
        return found

    yield make
    for one in clients:
        one.close()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "HEAD", "get", ""])
def test_only_reading_leaves(method: str) -> None:
    with pytest.raises(ReadOnlyClientError):
        require_read_only(method, f"{ORIGIN}/subscriptions/x/resourceGroups/y?api-version=1")


@pytest.mark.parametrize(
    "path",
    [
        "/providers/Microsoft.ResourceGraph/resources/../operations",
        "/providers/Microsoft.ResourceGraph/resourcesHistory",
        "/subscriptions/x/providers/Microsoft.ResourceGraph/resources",
        "/subscriptions/x/providers/Microsoft.Web/sites/y/config/appsettings/list",
    ],
)
def test_no_other_post_leaves(path: str) -> None:
    with pytest.raises(ReadOnlyClientError):
        require_read_only("POST", ORIGIN + path)
    require_read_only("POST", f"{ORIGIN}{module.QUERY_PATH}?api-version=2022-10-01")


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/next",
        "http://management.azure.com/next",
        "https://management.azure.com:444/next",
        "//evil.example/next",
        "https://management.azure.com@evil.example/next",
        "https://user@management.azure.com/next",
    ],
)
def test_links_stay_on_the_origin(link: str, made: Callable[[Handler], RestClient]) -> None:
    with pytest.raises(RequestError, match="another server"):
        made(lambda _: httpx.Response(500)).get(link, "x")


def test_a_link_on_the_origin_is_followed_whatever_its_port_is_spelled(
    made: Callable[[Handler], RestClient],
) -> None:
    client = made(lambda _: httpx.Response(200, json={"value": []}))
    assert client.get("https://MANAGEMENT.azure.com:443/a?b=c", "x").ok


def test_redirects_are_not_followed(made: Callable[[Handler], RestClient]) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(302, headers={"location": "https://evil.example/"})

    assert made(handler).get("/a", "x").status == 302
    assert seen == [f"{ORIGIN}/a"]


def test_an_answer_that_is_too_big_is_not_taken(
    made: Callable[[Handler], RestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 100)
    with pytest.raises(RequestError, match="the response exceeds"):
        made(lambda _: httpx.Response(200, json={"value": ["x" * 200]})).get("/a", "x")


def test_a_refused_token_is_renewed_once_with_the_claims(
    made: Callable[[Handler], RestClient], credentials: Credentials
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == "Bearer secret-1":
            claims = 'Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ"'
            return httpx.Response(401, headers={"www-authenticate": claims})
        return httpx.Response(200, json={"value": []})

    assert made(handler).get("/a", "x").ok
    assert credentials.asked == [{}, {"claims": '{"access_token":{}}'}]


def test_a_second_refusal_ends_it(made: Callable[[Handler], RestClient], credentials: Credentials) -> None:
    assert made(lambda _: httpx.Response(401, json={})).get("/a", "x").status == 401
    assert len(credentials.asked) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_failures_are_tried_a_bounded_number_of_times(
    status: int, made: Callable[[Handler], RestClient]
) -> None:
    client = made(lambda _: httpx.Response(status, json={"error": {"code": "Busy", "message": "busy"}}))
    with pytest.raises(RequestError, match="after 8 tries") as caught:
        client.get("/a", "x")
    assert caught.value.status == status
    assert client.sent == {"x": 8}


def test_no_connection_is_tried_too(made: Callable[[Handler], RestClient]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Bearer secret-1 was refused", request=request)

    with pytest.raises(RequestError) as caught:
        made(handler).get("/a", "x")
    assert caught.value.status == 0
    assert "secret-1" not in str(caught.value)


def test_nobody_waits_for_an_hour(made: Callable[[Handler], RestClient]) -> None:
    client = made(lambda _: httpx.Response(429, headers={"retry-after": "3600"}))
    with pytest.raises(RequestError, match="run again later with --resume"):
        client.get("/a", "x")
    assert client.sent == {"x": 1}


def test_the_query_is_the_only_post(made: Callable[[Handler], RestClient]) -> None:
    seen: list[tuple[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, json.loads(request.content)))
        return httpx.Response(200, json={"data": []})

    assert made(handler).query({"query": "resources"}, "2022-10-01", "x").ok
    assert seen == [("POST", {"query": "resources"})]


def test_verification_of_certificates_is_on() -> None:
    import ssl

    client = RestClient(ORIGIN, TokenProvider(Credentials, "x"))
    pool = client._http._transport._pool  # type: ignore[attr-defined]
    assert pool._ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert pool._ssl_context.check_hostname
    client.close()
