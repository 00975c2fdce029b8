"""The Logs Ingestion protocol, over TLS, with Microsoft's own client and by hand."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.monitor.ingestion import LogsIngestionClient

from nephoscope.alerts.incidents import bookmark_service
from nephoscope.alerts.incidents.anomaly_row import ANOMALIES
from nephoscope.alerts.incidents.security_rows import ALERTS, INCIDENTS
from nephoscope.behavior.identities import IDENTITIES, PEERS
from nephoscope.behavior.insights import BEHAVIOR
from nephoscope.ingest.live.ingestion.api_tokens import IngestionTokens, create_token
from nephoscope.ingest.live.ingestion.idempotency import IdempotencyCache
from nephoscope.ingest.live.kinds.logs_ingestion import LogsIngestionSource
from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.source_failures import LakeBusyError, SourceError
from nephoscope.ingest.threat_intelligence.indicator_rows import INDICATORS, OBJECTS, OLDER
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.watchlists import watchlist_rows
from nephoscope.lake.writing.quarantine import QUARANTINE
from nephoscope_kql.types import KqlType

TOKEN, HASH = create_token()
ORDERS = LakeTable.of("Orders_CL", {"Name": KqlType.STRING, "Amount": KqlType.REAL})
RULE = {
    "properties": {
        "immutableId": "dcr-0123456789abcdef0123456789abcdef",
        "streamDeclarations": {
            "Custom-Orders": {"columns": [{"name": "when", "type": "datetime"}, {"name": "text", "type": "string"},
                                          {"name": "more", "type": "dynamic"}]},
            "Custom-New": {"columns": [{"name": "TimeGenerated", "type": "datetime"}, {"name": "N", "type": "long"}]},
        },
        "dataFlows": [
            {
                "streams": ["Custom-Orders"], "destinations": ["workspace"], "outputStream": "Custom-Orders_CL",
                "transformKql": "source | where text !has 'debug' | extend p = split(text, ' ') | "
                "project TimeGenerated = when, Name = tostring(p[0]), Amount = todouble(p[1]), Extra = more.kind",
            },
            {"streams": ["Custom-New"], "destinations": ["workspace"], "outputStream": "Custom-New_CL"},
        ],
    }
}  # fmt: skip


class Token:
    def get_token(self, *scopes: str, **_) -> AccessToken:
        return AccessToken(TOKEN, 2**40)


@pytest.fixture
def made() -> dict[str, LakeTable]:
    return {"Orders_CL": ORDERS, "Syslog": LakeTable.of("Syslog", {"Computer": KqlType.STRING})}


@pytest.fixture
def source(tmp_path, made):
    def make(rules=(RULE,), **settings) -> LogsIngestionSource:
        files = []
        for number, rule in enumerate(rules):
            path = tmp_path / f"rule{number}.json"
            path.write_text(json.dumps(rule))
            files.append(str(path))
        around = SourceContext(
            "door",
            tmp_path,
            {"tokens": HASH},
            table=made.get,
            make_table=lambda table: made.update({table.name: table}),
        )
        given = {"listen": "127.0.0.1:0", "rules": files, **settings}
        return LogsIngestionSource(parse_settings(get_source_kind("logs_ingestion"), given), around)

    return make


def _client(source: LogsIngestionSource, address: str = "127.0.0.1") -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(source.around.folder / "tls" / "ca.crt"))
    return httpx.Client(
        base_url=f"https://127.0.0.1:{source.port}",
        transport=httpx.HTTPTransport(verify=trust, local_address=address),
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=60,
    )


PATH = (
    "/dataCollectionRules/dcr-0123456789abcdef0123456789abcdef/streams/Custom-Orders?api-version=2023-01-01"
)


def test_microsofts_client(source, sink, running, monkeypatch) -> None:
    door = source()
    now = datetime.now(UTC).isoformat()
    with running(door, sink):
        assert door.ready.wait(60)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(door.around.folder / "tls" / "ca.crt"))
        with LogsIngestionClient(f"https://127.0.0.1:{door.port}", Token()) as client:
            logs = [
                {"when": now, "text": f"pear{number} 2.5 {'x' * 200}", "more": {"kind": number}}
                for number in range(6000)
            ]
            client.upload(
                "dcr-0123456789abcdef0123456789abcdef",
                "Custom-Orders",
                [*logs, {"when": now, "text": "debug 1"}],
            )
            failed = []
            client.upload(
                "dcr-none", "Custom-Orders", logs[:1], on_error=lambda error: failed.append(error.error)
            )
    assert isinstance(failed[0], HttpResponseError)
    assert failed[0].status_code == 404
    rows = sink.tables["Orders_CL"]
    assert len(rows) == 6000
    assert {key: rows[7][key] for key in ("Name", "Amount", "Extra")} == {
        "Name": "pear7",
        "Amount": 2.5,
        "Extra": 7,
    }
    assert len(sink.sequences) <= 8


def test_answers(source, sink, running) -> None:
    door = source(max_body=2000)
    good = json.dumps([{"when": "2026-01-01T00:00:00Z", "text": "fig 1"}]).encode()
    with running(door, sink):
        assert door.ready.wait(60)
        with _client(door) as client:

            def status(body: bytes = good, path: str = PATH, **headers: str) -> tuple[int, str]:
                answer = client.post(path, content=body, headers=headers)
                return answer.status_code, answer.json()["error"]["code"] if answer.content else ""

            assert status() == (204, "")
            assert status(gzip.compress(good), **{"Content-Encoding": "gzip"}) == (204, "")
            assert status(Authorization=f"Bearer {TOKEN}x") == (401, "InvalidToken")
            assert status(Authorization=f"Basic {TOKEN}") == (401, "InvalidToken")
            refused = client.post(PATH, content=good, headers={"Authorization": f"Bearer {TOKEN}x"})
            assert "`nephoscope sources token` creates one" in refused.json()["error"]["message"]
            assert status(path=PATH.partition("?")[0]) == (400, "MissingApiVersionParameter")
            assert status(path=PATH.replace("Custom-Orders", "Custom-No")) == (400, "InvalidStream")
            assert status(path=PATH.replace("dcr-0", "dcr-1")) == (404, "NotFound")
            assert status(b"{}") == (400, "InvalidPayload")
            assert status(b"[1]") == (400, "InvalidPayload")
            assert status(b"[" * 1500) == (400, "InvalidPayload")
            assert status(b"\x1f\x8bnothing", **{"Content-Encoding": "gzip"}) == (400, "InvalidPayload")
            assert status(gzip.compress(good)[:-9], **{"Content-Encoding": "gzip"}) == (400, "InvalidPayload")
            assert status(good, **{"Content-Encoding": "br"}) == (415, "UnsupportedMediaType")
            assert status(b" " * 2001) == (413, "ContentLengthLimitExceeded")
            bomb = gzip.compress(b"[" + b" " * 10_000_000 + b"]")
            assert status(bomb[:2000] if len(bomb) > 2000 else bomb, **{"Content-Encoding": "gzip"})[0] in (
                400,
                413,
            )
            small = gzip.compress(b"[" + b" " * 100_000 + b"]")
            assert status(small, **{"Content-Encoding": "gzip"}) == (413, "ContentLengthLimitExceeded")
            assert client.get(PATH).status_code == 405
            assert status(b"\xef\xbb\xbf" + good) == (204, "")
            assert status(good.replace(b"fig", b"\\ud800")) == (204, "")
    assert [one["Name"] for one in sink.tables["Orders_CL"]] == ["fig", "fig", "fig", "\\ud800"]


def test_full_limited_and_sent_again(source, sink, running) -> None:
    door = source(requests_per_minute=4)
    good = json.dumps([{"when": "2026-01-01T00:00:00Z", "text": "fig 1"}]).encode()
    with running(door, sink):
        assert door.ready.wait(60)
        with _client(door) as client:
            sink.busy.set()
            answer = client.post(PATH, content=good)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            sink.busy.clear()
            for _ in range(3):
                assert (
                    client.post(PATH, content=good, headers={"x-ms-client-request-id": "7"}).status_code
                    == 204
                )
            answer = client.post(PATH, content=good)
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= 60
    assert len(sink.tables["Orders_CL"]) == 1


@pytest.mark.parametrize("fails", [0, 1, 4])
def test_a_request_that_is_sent_again_while_it_is_written_is_taken_once(
    source, sink, running, until, monkeypatch, fails: int
) -> None:
    door, begun, go, came, statuses = source(), [], threading.Event(), [], []
    begin = IdempotencyCache._begin_request

    def counted(*given) -> bool:
        came.append(1)
        return begin(*given)

    monkeypatch.setattr(IdempotencyCache, "_begin_request", counted)

    def slow(feed: str, sequence: int) -> None:
        begun.append(feed)
        assert go.wait(60)
        if len(begun) <= fails:
            raise LakeBusyError("full")

    sink.before, sink.lock = slow, contextlib.nullcontext()
    with running(door, sink):
        assert door.ready.wait(60)

        def send() -> None:
            with _client(door) as client:
                answer = client.post(PATH, content=BODY, headers={"x-ms-client-request-id": "7"})
                statuses.append(answer.status_code)

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: len(came) == 4)
        go.set()
        for thread in threads:
            thread.join(60)
    assert sorted(statuses) == [204] * (4 - fails) + [503] * fails
    assert len(sink.tables.get("Orders_CL", ())) == (0 if fails == 4 else 1)
    assert len(begun) == min(4, fails + 1)


def _raw(door: LogsIngestionSource, stack: contextlib.ExitStack, *, tls: bool = True) -> socket.socket:
    plain = stack.enter_context(socket.create_connection(("127.0.0.1", door.port), 60))
    if not tls:
        return plain
    trust = ssl.create_default_context(cafile=str(door.around.folder / "tls" / "ca.crt"))
    return stack.enter_context(trust.wrap_socket(plain, server_hostname="localhost"))


def _said(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65_536):
            said += data
    return said


HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
BODY = b'[{"when": "2026-01-01T00:00:00Z", "text": "fig 1"}]'


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (HEAD[:60].encode(), b"HTTP/1.1 408 Request Timeout"),
        (f"{HEAD}Content-Length: 1000\r\n\r\n[".encode(), b"HTTP/1.1 408 Request Timeout"),
        (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n".encode(), b"HTTP/1.1 408 Request Timeout"),
        (f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY, b"HTTP/1.1 204 No Content"),
        (HEAD.encode() + b"X: " + b"x" * 70_000, b"HTTP/1.1 400 Bad Request"),
    ],
    ids=[
        "nothing",
        "half a head",
        "half a body",
        "half a body in chunks",
        "nothing after a request",
        "an endless head",
    ],
)
def test_requests_that_do_not_come_are_ended(source, sink, running, sent: bytes, answer: bytes) -> None:
    door = source(head=0.5, body=0.5, idle=0.5)
    with running(door, sink), contextlib.ExitStack() as stack:
        assert door.ready.wait(60)
        connection = _raw(door, stack)
        connection.sendall(sent)
        assert _said(connection).partition(b"\r\n")[0] == answer
    assert len(sink.tables.get("Orders_CL", ())) == answer.count(b"204")


def test_a_body_that_comes_slowly_but_comes_is_taken(source, sink, running) -> None:
    door = source(body=2.0, max_body=300_000)
    body = b"[" + b" " * 200_000 + BODY[1:]
    with running(door, sink), contextlib.ExitStack() as stack:
        assert door.ready.wait(60)
        connection = _raw(door, stack)
        connection.sendall(f"{HEAD}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        for at in range(0, len(body), 50_000):
            connection.sendall(body[at : at + 50_000])
            time.sleep(0.6)
        assert _said(connection).startswith(b"HTTP/1.1 204")


def test_silent_connections_hold_no_door_shut(source, sink, running, until) -> None:
    door = source(max_connections=5, max_per_address=3, handshake=0.5)
    with running(door, sink), contextlib.ExitStack() as stack:
        assert door.ready.wait(60)
        silent = [_raw(door, stack, tls=False) for _ in range(6)]
        with _client(door, "127.0.0.2") as client:
            assert client.post(PATH, content=BODY).status_code == 204
        assert [_said(one) for one in silent] == [b""] * 6
        with _client(door) as client:
            assert client.post(PATH, content=BODY).status_code == 204
    told = "3 connections are open, 3 of which have sent nothing yet: one of them was closed for one from 127.0.0.1"
    assert sink.errors[0] == told
    assert sink.errors[1].startswith("TLS with 127.0.0.1: SSL handshake is taking longer than 0.5 seconds")
    assert len(sink.errors) == 2


def test_a_transform_that_fails_on_records_sets_them_aside(source, sink, running, monkeypatch) -> None:
    from nephoscope.ingest.live.ingestion import transform

    monkeypatch.setattr(transform, "_SECONDS", 0.0)
    door = source()
    with running(door, sink):
        assert door.ready.wait(60)
        with _client(door) as client:
            body = json.dumps([{"when": "2026-01-01T00:00:00Z", "text": "fig 1"}]).encode()
            assert client.post(PATH, content=body).status_code == 204
    assert len(sink.tables.get("Orders_CL", [])) + len(sink.refused) == 1


def test_without_rules_streams_go_to_the_tables_of_their_names(source, sink, running, made) -> None:
    door = source(rules=())
    with running(door, sink):
        assert door.ready.wait(60)
        with _client(door) as client:
            path = "/dataCollectionRules/door/streams/{}?api-version=2023-01-01"
            assert (
                client.post(path.format("Microsoft-Syslog"), json=[{"Computer": "a", "Other": 1}]).status_code
                == 204
            )
            assert client.post(path.format("Custom-Nothing"), json=[]).status_code == 400
    assert sink.tables == {"Syslog": [{"Computer": "a", "Other": 1}]}


#: What nephoscope keeps of itself, by the modules that write it.
WRITTEN = (
    QUARANTINE, "Usage", "SentinelHealth", "SentinelAudit", "Heartbeat", ALERTS, INCIDENTS, bookmark_service.TABLE,
    watchlist_rows.TABLE,
    INDICATORS, OBJECTS, OLDER, ANOMALIES, BEHAVIOR, IDENTITIES, PEERS,
)  # fmt: skip


@pytest.mark.parametrize("table", WRITTEN)
def test_without_rules_no_stream_goes_to_the_tables_that_the_lake_writes(
    source, sink, running, made, table: str
) -> None:
    made[table] = LakeTable.of(table, {"AlertName": KqlType.STRING})
    door = source(rules=())
    with running(door, sink):
        assert door.ready.wait(60)
        with _client(door) as client:
            for prefix in ("Microsoft-", "Custom-", "Custom-Microsoft-"):
                path = f"/dataCollectionRules/door/streams/{prefix}{table}?api-version=2023-01-01"
                answer = client.post(path, json=[{"AlertName": "forged"}])
                assert answer.status_code == 400
                assert f"'{table}' is written by nephoscope itself" in answer.json()["error"]["message"]
    assert not sink.tables


def test_a_rule_may_name_a_table_of_alerts_but_not_the_quarantine(source, sink, running, made) -> None:
    for table in ("SecurityAlert", "_Quarantine"):
        made[table] = LakeTable.of(table, {"Name": KqlType.STRING, "Amount": KqlType.REAL})
    with pytest.raises(SourceError, match=r"dataFlows\[0\]: rules cannot write to _Quarantine"):
        source(rules=(_changed(outputStream="Custom-_Quarantine"),)).test()
    door = source(rules=(_changed(outputStream="Microsoft-SecurityAlert"),))
    with running(door, sink):
        assert door.ready.wait(60)
        with _client(door) as client:
            assert client.post(PATH, content=BODY).status_code == 204
    assert [one["Name"] for one in sink.tables["SecurityAlert"]] == ["fig"]


def test_a_table_that_is_not_there_is_made(source, made) -> None:
    assert "1 rule(s), 2 stream(s)" in source().test()
    assert dict(made["New_CL"].columns)["N"] is KqlType.LONG


def _changed(**flow) -> dict:
    rule = json.loads(json.dumps(RULE))
    rule["properties"]["dataFlows"][0].update(flow)
    return rule


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (
            _changed(transformKql="source | where Nothing > 1"),
            r"dataFlows\[0\].transformKql: line 1, column 16",
        ),
        (_changed(transformKql="Syslog | take 1"), "transformKql"),
        (_changed(transformKql="source | evaluate bag_unpack(more)"), "must not depend on the r"),
        (_changed(streams=["Custom-Else"]), "not in streamDeclarations"),
        ({"properties": {"immutableId": "x"}}, "dataFlows is missing"),
        ({"properties": {"dataFlows": []}}, "immutableId is missing"),
    ],
)
def test_rules_that_cannot_be(source, rule, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        source(rules=(rule,)).test()


def test_no_token_no_door(tmp_path: Path) -> None:
    door = LogsIngestionSource(
        parse_settings(get_source_kind("logs_ingestion"), {"listen": "127.0.0.1:0"}),
        SourceContext("door", tmp_path),
    )
    with pytest.raises(SourceError, match="create one for door"):
        door.test()
    assert not IngestionTokens("").accepts_header(f"Bearer {TOKEN}")
    assert IngestionTokens(f"{create_token()[1]}\n{HASH}").accepts_header(f"bearer {TOKEN}")


def test_what_was_answered_with_204_can_be_asked_for(tmp_path, running, monkeypatch) -> None:
    from nephoscope.ingest.live.lake_sink import LakeSink
    from nephoscope.ingest.live.source_meter import SourceMeter
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

    (tmp_path / "rule.json").write_text(json.dumps(RULE))
    now = datetime.now(UTC).isoformat()
    with State.open_folder(tmp_path / "data") as state, Lake.open(tmp_path / "data", state) as lake:
        lake.import_table(ORDERS)
        around = SourceContext(
            "door",
            tmp_path,
            {"tokens": HASH},
            table=lambda name: lake.tables.get(name),
            make_table=lake.import_table,
        )
        given = {"listen": "127.0.0.1:0", "rules": str(tmp_path / "rule.json")}
        door, meter = (
            LogsIngestionSource(parse_settings(get_source_kind("logs_ingestion"), given), around),
            SourceMeter(),
        )
        sink = LakeSink("door", "default", lake, lake.writer(), state.checkpoints, meter, threading.Event())
        with running(door, sink):
            assert door.ready.wait(60)
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "tls" / "ca.crt"))
            with LogsIngestionClient(f"https://127.0.0.1:{door.port}", Token()) as client:
                id_ = "dcr-0123456789abcdef0123456789abcdef"
                client.upload(
                    id_, "Custom-Orders", [{"when": now, "text": "pear 2.5", "more": {"kind": "green"}}]
                )
                client.upload(id_, "Custom-Orders", [{"text": "no time 1"}])
                client.upload(id_, "Custom-New", [{"TimeGenerated": now, "N": 7, "Unknown": True}])
        lake.flush()
        orders = lake.query("Orders_CL | project Name, Amount, Extra = tostring(_AdditionalFields.Extra)")
        assert orders[-1].table.to_pylist() == [{"Name": "pear", "Amount": 2.5, "Extra": "green"}]
        new = lake.query("New_CL | project N, More = tostring(_AdditionalFields.Unknown)")
        assert new[-1].table.to_pylist() == [{"N": 7, "More": "true"}]
        bad = lake.query("_Quarantine | project Reason, Table")[-1].table.to_pylist()
        assert [one["Table"] for one in bad] == ["Orders_CL"]
