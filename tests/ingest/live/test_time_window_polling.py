"""The activity log and Graph over REST: a loopback Azure over TLS that pages, throttles, brings events late and dies in between."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nephoscope.connect.cloud import Cloud
from nephoscope.ingest.live import rest_clients
from nephoscope.ingest.live.connection_budget import ConnectionLimits
from nephoscope.ingest.live.https_server import AppServer, bind_socket
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter
from nephoscope.ingest.live.request_timeouts import RequestTimeouts
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.live.time_window_polling import PolledEvent, Poller
from nephoscope.ingest.live.tls import create_server_context, issue_self_signed
from nephoscope.ingest.source_failures import SourceError
from nephoscope.lake.errors import ProducerOvertakenError

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _now() -> None:
    """Other tests may have run for longer than late events are asked for."""
    globals()["NOW"] = datetime.now(UTC)


class Azure:
    """Answers lists of events by time: `events` by path, two to a page, and refuses as told."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict]] = {}
        self.refusals: list[Response] = []
        self.denied: set[str] = set()
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append(str(request.url))
        if self.refusals:
            return self.refusals.pop(0)
        if path in self.denied:
            return JSONResponse(
                {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}}, 403
            )
        query = parse_qs(request.url.query)
        words = query["$filter"][0].replace("'", "").split()
        name, start, end = words[0], *(datetime.fromisoformat(words[at]) for at in (2, 6))
        found = [
            one for one in self.events.get(path, []) if start <= datetime.fromisoformat(one[name]) <= end
        ]
        skip = int(query.get("skip", ["0"])[0])
        body: dict = {"value": found[skip : skip + 2]}
        if len(found) > skip + 2:
            link = "nextLink" if "management" in path else "@odata.nextLink"
            base = str(request.url).partition("&skip=")[0]
            body[link] = f"{base}&skip={skip + 2}"
        return JSONResponse(body)


@pytest.fixture
def azure(tmp_path, monkeypatch):
    found = Azure()
    certificate, key, authority = issue_self_signed(tmp_path / "tls", ("127.0.0.1",))
    listener = bind_socket(("127.0.0.1", 0))
    found.url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    app = Starlette(routes=[Route("/{path:path}", found.answer)])
    told: list[str] = []
    served = AppServer(
        app, listener, create_server_context(str(certificate), str(key)), bounds=ConnectionLimits(100, 100, 60.0),
        pace=RequestTimeouts(), idle=60.0,
        failure_log=LogRateLimiter(lambda text, _: told.append(text)),
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    cloud = Cloud("here", found.url, found.url, found.url, found.url)
    monkeypatch.setattr(rest_clients, "load_cloud", lambda _: cloud)
    monkeypatch.setattr(rest_clients, "create_credential_source", lambda *_: _Credential)
    yield found
    served.close()
    listener.close()
    assert not told


class _Credential:
    def get_token(self, *scopes: str, **_):
        from azure.core.credentials import AccessToken

        return AccessToken("a token", 2**40)


def _source(kind: str, **settings):
    chosen = get_source_kind(kind)
    return chosen.make(
        parse_settings(chosen, {"poll": 0.05, **settings}),
        SourceContext("here", clock=lambda: datetime.now(UTC)),
    )


def _activity(number: int, when: datetime) -> dict:
    return {
        "id": f"/events/{number}",
        "eventTimestamp": when.isoformat(),
        "operationName": {"value": "A/b/write"},
        "n": number,
    }


def _records(sink) -> list[dict]:
    import json

    return [record for _, _, piece in sink.pieces for record in json.loads(piece.data)["records"]]


def test_the_activity_log_is_paged_and_late_events_come_once(azure, sink, running, until) -> None:
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Insights/eventtypes/management/values"
    azure.events[path] = [_activity(number, NOW - timedelta(minutes=30 - number)) for number in range(7)]
    azure.refusals = [JSONResponse({}, 429, {"Retry-After": "0"}), Response(status_code=503)]
    source = _source("activity_log", subscriptions=SUBSCRIPTION)
    assert source.test() == "1 subscription(s), 0 event(s) of the last five minutes"
    with running(source, sink):
        until(lambda: len(_records(sink)) == 7)
        azure.events[path].append(_activity(7, NOW - timedelta(minutes=5)))
        until(lambda: len(_records(sink)) == 8)
        rounds = len(azure.asked)
        until(lambda: len(azure.asked) > rounds + 8)
    assert [one["n"] for one in _records(sink)] == list(range(8))


def test_graph_reads_what_is_granted_and_tells_the_rest(azure, sink, running, until) -> None:
    azure.denied = {"/v1.0/identityProtection/riskyUsers"}
    when = (NOW - timedelta(minutes=9)).isoformat()
    azure.events["/v1.0/auditLogs/signIns"] = [
        {"id": str(number), "createdDateTime": when} for number in range(5)
    ]
    azure.events["/v1.0/identityProtection/riskDetections"] = [
        {"id": "d", "lastUpdatedDateTime": when, "riskState": "atRisk"}
    ]
    with running(_source("graph"), sink):
        until(lambda: len(_records(sink)) == 6 and sink.errors)
        later = (NOW - timedelta(minutes=4)).isoformat()
        azure.events["/v1.0/identityProtection/riskDetections"] = [
            {"id": "d", "lastUpdatedDateTime": later, "riskState": "remediated"}
        ]
        until(lambda: len(_records(sink)) == 7)
    assert [one["riskState"] for one in _records(sink) if "riskState" in one] == ["atRisk", "remediated"]
    assert (
        sink.errors[0]
        == "risky_users: 403 Authorization_RequestDenied Insufficient privileges; grant IdentityRiskyUser.Read.All"
    )
    assert "a token" not in repr(sink)


def test_nothing_granted_ends_the_source(azure, sink) -> None:
    azure.denied = {"/v1.0/auditLogs/signIns"}
    with pytest.raises(SourceError, match=r"grant AuditLog\.Read\.All"):
        _source("graph", reads="sign_ins").run(sink, threading.Event())
    with pytest.raises(SourceError, match=r"grant AuditLog\.Read\.All"):
        _source("graph", reads="sign_ins").test()
    with pytest.raises(SourceError, match="reads"):
        _source("graph", reads="mail")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"code": "InternalServerError", "message": "later"}},
         "sign_ins: the response has no list of values: InternalServerError later"),
        ({}, "sign_ins: the response has no list of values"),
        (None, "sign_ins: the response has no list of values"),
        ({"value": [], "@odata.nextLink": "/v1.0/auditLogs/signIns?again"}, "leads to one that was read already"),
    ],
    ids=["an error in an answer", "an empty object", "nothing", "a link to itself"],
)  # fmt: skip
def test_an_answer_that_only_looks_empty_is_an_error(azure, body, said) -> None:
    azure.refusals = [Response() if body is None else JSONResponse(body) for _ in range(9)]
    with pytest.raises(SourceError, match=said):
        _source("graph", reads="sign_ins").test()


def _poller(sink, pages) -> Poller:
    return Poller(
        "f",
        sink,
        threading.Event(),
        lambda start, end: iter(pages),
        timedelta(minutes=20),
        timedelta(hours=1),
    )


def _event(number: int) -> PolledEvent:
    return PolledEvent(str(number), NOW - timedelta(minutes=5), {"n": number})


@pytest.mark.parametrize("taken", [True, False], ids=["died after the lake took the batch", "died before"])
def test_a_crash_around_a_hand_over(sink, taken: bool) -> None:
    def die(feed: str, sequence: int) -> None:
        if taken:
            sink.sequences[feed] = sequence
            sink.records.append((feed, b""))
        raise ConnectionError

    _poller(sink, [[_event(0)]]).poll(NOW)
    sink.before = die
    with pytest.raises(ConnectionError):
        _poller(sink, [[_event(0), _event(1)]]).poll(NOW + timedelta(seconds=1))
    sink.before = lambda feed, sequence: None
    again = [[_event(2), _event(1), _event(0)]]
    assert _poller(sink, again).poll(NOW + timedelta(seconds=2)) == (1 if taken else 2)
    assert [one["n"] for one in _records(sink)] == ([0, 2] if taken else [0, 2, 1])


def test_what_is_remembered_does_not_grow(sink) -> None:
    poller = _poller(sink, [])
    for step in range(50):
        now = NOW + timedelta(minutes=30 * step)
        poller.ask = lambda start, end, now=now: iter([[PolledEvent(now.isoformat(), now, {})]])
        assert poller.poll(now) == 1
    assert len(sink.saved) <= 4
    assert len(poller._seen) <= 3


def test_the_waiting_of_a_client_ends_with_the_source(azure, sink, running, until) -> None:
    azure.refusals = [JSONResponse({}, 429, {"Retry-After": "600"})] * 3
    with running(_source("graph", reads="sign_ins"), sink):
        until(lambda: azure.asked)


def test_of_two_who_poll_the_same_one_is_taken(sink) -> None:
    now = datetime.now(UTC)
    pages = [[PolledEvent("a", now, {"n": 1})]]
    first, second = _poller(sink, pages), _poller(sink, pages)
    assert first.poll(now) == 1
    with pytest.raises(ProducerOvertakenError):
        second.poll(now)
    assert len(sink.pieces) == 1
    assert len(sink.list_checkpoints("poll:f/")) == 1, "what was not taken is not known as taken"
    assert _poller(sink, pages).poll(now) == 0
