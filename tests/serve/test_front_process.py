"""The front takes records that it may take, and hands everything else on as it came."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.ingest.live.request_head_limits import HEAD_BYTES, BoundedHead
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.lake import Lake
from nephoscope.serve import front_process
from nephoscope.serve.forwarded_headers import ForwardedHeaders
from nephoscope.serve.front_process import open_front
from nephoscope.serve.reverse_proxy import ReverseProxy
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.database.database import DiskFullError

PATH = "/dataCollectionRules/default/streams/Microsoft-Syslog?api-version=2023-01-01"
ROWS = [{"TimeGenerated": datetime.now(UTC).isoformat(), "Computer": "a"}]


def program(data, role="Monitoring Metrics Publisher", scope="/workspaces/default"):
    """The token of a program, and how to revoke its role."""
    with State.open_folder(data) as state:
        with state.transaction() as session:
            one = state.principals.add(session, PrincipalKind.PROGRAM, f"sender {role}{scope}")
            granted = state.principals.grant(session, one.id, role, scope, "test")
        token = Guard(state, lambda: Hierarchy({})).make_secret(one, SecretKind.TOKEN, "test")

    def revoke():
        with State.open_folder(data) as state, state.transaction() as session:
            state.principals.revoke(session, granted.id)

    return token, revoke


class Handed:
    """Stands where requests are handed on to."""

    def __init__(self):
        self.paths, self.counted = [], b""

    async def __call__(self, scope, receive, send):
        self.paths.append(scope["path"])
        await httpx_answer(send, 418)


async def httpx_answer(send, status):
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def asked(data, **settings):
    """(a client of a front, what it hands on)."""
    with open_front(ServeSettings(data, **settings)) as app:
        app.onward = Handed()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://127.0.0.1:8443") as client:
            yield client, app.onward


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        (PATH, {}, ROWS, 204),
        (PATH.lower(), {}, ROWS, 418),  # the name of a stream has its case
        (PATH.replace("/dataCollectionRules", "/datacollectionrules"), {}, ROWS, 204),
        (PATH.replace("default", "nobodys"), {}, ROWS, 418),
        (PATH.replace("Syslog", "NoSuch"), {}, ROWS, 418),
        (PATH.replace("Syslog", "_Quarantine"), {}, ROWS, 418),
        (PATH.replace("Syslog", "SecurityAlert"), {}, ROWS, 418),
        (PATH.partition("?")[0], {}, ROWS, 418),
        (PATH, {"Authorization": ""}, ROWS, 418),
        (PATH, {"Authorization": "Bearer " + "x" * 49}, ROWS, 418),
        (PATH, {"Authorization": "Bearer a.b.c"}, ROWS, 418),
        (PATH, {"Content-Encoding": "br"}, ROWS, 418),
        (PATH, {"Host": "elsewhere.example"}, ROWS, 418),
        (PATH, {"Content-Encoding": "gzip"}, ROWS, 400),
        (PATH, {}, {"no": "array"}, 400),
        ("/healthz", {}, ROWS, 418),
    ],
    ids=[
        "taken", "lower case", "path in lower case", "unknown rule", "unknown stream", "quarantine", "own table",
        "no api-version", "no token", "unknown token", "unknown JWT", "unknown encoding", "other host", "no gzip",
        "no array", "other path",
    ],
)  # fmt: skip
def test_what_it_takes(tmp_path, path, headers, body, status):
    token, _ = program(tmp_path)

    async def ask():
        async with asked(tmp_path) as (client, handed):
            sent = {"Authorization": f"Bearer {token}", "x-ms-client-request-id": "7", **headers}
            return await client.post(path, json=body, headers=sent), handed

    answer, handed = asyncio.run(ask())
    assert answer.status_code == status
    assert len(handed.paths) == (status == 418)
    if status != 418:
        assert answer.headers["x-ms-client-request-id"] == "7"
        assert answer.headers["x-content-type-options"] == "nosniff"
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        lake.flush()
        assert ("default", "Syslog") in lake.list_versions() if status == 204 else not lake.list_versions()


@pytest.mark.parametrize("free", [0, 1 << 20])
def test_a_full_disk_takes_nothing_and_recovers(tmp_path, monkeypatch, free):
    token, _ = program(tmp_path)

    async def ask():
        async with asked(tmp_path) as (client, _):
            sent = {"Authorization": f"Bearer {token}"}
            before = await client.post(PATH.replace("Heartbeat", "Syslog"), json=ROWS, headers=sent)
            with monkeypatch.context() as full:
                full.setattr(Disk, "free", lambda *_: free)
                refused = [
                    await client.post(PATH.replace("Heartbeat", "Syslog"), json=ROWS, headers=sent)
                    for _ in range(3)
                ]
            return (
                before,
                refused,
                await client.post(PATH.replace("Heartbeat", "Syslog"), json=ROWS, headers=sent),
            )

    before, refused, after = asyncio.run(ask())
    assert (before.status_code, after.status_code) == (204, 204)
    assert [(one.status_code, one.headers["retry-after"]) for one in refused] == [(503, "5")] * 3
    assert all("reserved" in one.json()["error"]["message"] for one in refused)
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        lake.flush()
        assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": 2}]


def test_a_use_that_cannot_be_noted_keeps_nobody_out(tmp_path, monkeypatch):
    token, _ = program(tmp_path)
    with State.open_folder(tmp_path) as state:
        guard = Guard(state, lambda: Hierarchy({}))

        def full(*_):
            raise DiskFullError("the disk is full")

        monkeypatch.setattr(state.principals, "record_use", full)
        assert guard.authenticate_secret(token, [SecretKind.TOKEN]) is not None


def test_who_may_send_no_more_is_handed_on(tmp_path, monkeypatch):
    monkeypatch.setattr("nephoscope.serve.ingest_auth_cache.FRESH", -1.0)
    monkeypatch.setattr("nephoscope.access.authenticator.FRESH", -1.0)
    token, revoke = program(tmp_path)
    other, _ = program(tmp_path, scope="/workspaces/other")
    reader, _ = program(tmp_path, role="Reader", scope="/")

    async def ask():
        async with asked(tmp_path) as (client, _):
            for shown in (other, reader, token):
                yield (
                    await client.post(PATH, json=ROWS, headers={"Authorization": f"Bearer {shown}"})
                ).status_code
            revoke()
            yield (
                await client.post(PATH, json=ROWS, headers={"Authorization": f"Bearer {token}"})
            ).status_code

    async def all_():
        return [one async for one in ask()]

    assert asyncio.run(all_()) == [418, 418, 204, 418]


def test_a_body_that_is_too_large_is_handed_on(tmp_path):
    token, _ = program(tmp_path)

    async def ask():
        async with asked(tmp_path) as (client, _):
            headers = {"Authorization": f"Bearer {token}"}
            return await client.post(PATH, content=b"[" + b" " * (4 << 20) + b"]", headers=headers)

    assert asyncio.run(ask()).status_code == 418


def test_who_sends_too_much_waits(tmp_path, monkeypatch):
    token, _ = program(tmp_path)
    monkeypatch.setattr(front_process.Allowance, "wait", lambda *_: 3.0)

    async def ask():
        async with asked(tmp_path) as (client, _):
            return await client.post(PATH, json=ROWS, headers={"Authorization": f"Bearer {token}"})

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


class Web:
    """A web process at a local socket; `client` and `scheme` are what it was told of who asks."""

    def __init__(self):
        self.scopes = []

    async def __call__(self, scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        told = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.scopes.append({**scope, "told": told, "body": body})
        await send(
            {"type": "http.response.start", "status": 201, "headers": [(b"x-own", b"1"), (b"x-own", b"2")]}
        )
        for part in (b"one ", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def web(tmp_path):
    """(the path of the socket of a web process, what it was asked, what it was told of the front)."""
    asked, counted, path = Web(), [], tmp_path / "web"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    config = uvicorn.Config(
        ForwardedHeaders(asked, counted.append),
        lifespan="off",
        http=BoundedHead,
        date_header=False,
        server_header=False,
        log_level="error",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield str(path), asked, counted
    server.should_exit = True
    thread.join()


def handed(path, method, target, *, content=None, headers=None):
    async def ask():
        onward = ReverseProxy(path, b'{"requests": 3}')
        transport = httpx.ASGITransport(onward, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="https://front.example") as client:
            answer = await client.request(method, target, content=content, headers=headers)
        await onward.close()
        return answer

    return asyncio.run(ask())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_requests_go_on_and_answers_come_as_they_are(web, method):
    path, asked, _ = web
    sent = b"x" * 100_000 if method in ("POST", "PUT") else None
    answer = handed(
        path, method, "/a%2Fb/c%20d?x=1&y=%C3%A4", content=sent,
        headers={"X-Own": "mine", "X-Nephoscope-Client": "10.9.8.7", "x-nephoscope-counted": "{}", "Connection": "x-own"},
    )  # fmt: skip
    assert (answer.status_code, answer.content) == (201, b"one two")
    assert answer.headers.get_list("x-own") == ["1", "2"]
    (seen,) = asked.scopes
    assert (seen["method"], seen["raw_path"], seen["query_string"]) == (
        method,
        b"/a%2Fb/c%20d",
        b"x=1&y=%C3%A4",
    )
    assert (seen["client"], seen["scheme"], seen["body"]) == (("192.0.2.7", 0), "https", sent or b"")
    assert seen["told"]["host"] == "front.example"
    assert seen["told"]["x-own"] == "mine"
    assert not [name for name in seen["told"] if name.startswith("x-nephoscope-")]


def test_a_body_of_unknown_length_goes_on(web):
    async def parts():
        yield b"one "
        yield b"two"

    path, asked, _ = web
    assert handed(path, "POST", "/", content=parts()).status_code == 201
    assert asked.scopes[0]["body"] == b"one two"


def test_a_head_has_no_body(web):
    answer = handed(web[0], "HEAD", "/")
    assert (answer.status_code, answer.content) == (201, b"")


def test_what_the_front_counts_goes_with_questions_for_metrics(web):
    path, _, counted = web
    handed(path, "GET", "/metrics")
    handed(path, "GET", "/other")
    assert [json.loads(one) for one in counted] == [{"requests": 3}]


def test_a_head_without_end_is_refused(web):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(web[0])
        client.settimeout(30)
        with pytest.raises(OSError, match=r"Broken|reset"):  # noqa: PT012 - it ends when the other side does
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
            while True:
                client.sendall(b"a" * HEAD_BYTES)


@pytest.mark.parametrize(
    ("method", "dies", "status"), [("GET", 1, 200), ("GET", 3, 502), ("POST", 1, 502), ("DELETE", 1, 502)]
)
def test_a_web_process_that_dies_over_a_request(tmp_path, method, dies, status):
    """What only reads is asked again; whether anything else was done nobody knows, and that is said."""
    path = tmp_path / "web"

    async def ask():
        left = [dies]

        async def met(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            if left[0]:
                left[0] -= 1
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_unix_server(met, path):
            onward = ReverseProxy(str(path))
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(onward), base_url="https://a"
            ) as client:
                answer = await client.request(method, "/", content=b"x" if method == "POST" else None)
            await onward.close()
        return answer

    answer = asyncio.run(ask())
    assert answer.status_code == status
    if status == 502:
        assert answer.json()["error"]["code"] == "BadGateway"


BROWSER = {"accept": "text/html,application/xhtml+xml", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/recommendations", 502, "No response"),
        ("POST", "/incidents/1", 502, "No response"),
        ("GET", "/incidents", 400, "Invalid request"),
    ],
)
def test_its_own_faults_are_pages_in_a_browser_and_json_for_programs(
    tmp_path, request, method, path, status, title
):
    async def asked_of(**headers):
        odd = {"x-odd": b"a\nb<i>"} if status == 400 else {}
        onward = ReverseProxy(str(tmp_path / ("there" if odd else "nobody")))
        scope_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        answered = {"body": b""}

        async def send(message):
            answered.update(
                message if "status" in message else {"body": answered["body"] + message.get("body", b"")}
            )

        sent = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive():
            for one in sent:
                return one
            return await asyncio.Event().wait()

        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "scheme": "https",
            "headers": [*scope_headers, *((name.encode(), value) for name, value in odd.items())], "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await onward(scope, receive, send)
        await onward.close()
        return (
            answered["status"],
            {name.decode(): value.decode() for name, value in answered["headers"]},
            answered["body"].decode(),
        )

    there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    there.bind(str(tmp_path / "there"))
    there.listen(10)
    request.addfinalizer(there.close)
    for headers in ({}, {"accept": "application/json"}, {**BROWSER, "authorization": "Bearer x"}):
        told, sent, body = asyncio.run(asked_of(**headers))
        assert told == status
        assert json.loads(body)["error"]["message"]
        assert sent["x-content-type-options"] == "nosniff"
    told, sent, body = asyncio.run(asked_of(**BROWSER))
    assert (told, sent["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{title}</h1>" in body
    assert "style-src 'self';" in sent["content-security-policy"]
    assert "<style" not in body
    assert "style=" not in body
    assert "<script" not in body
    assert "<i>" not in body
    assert sent.get("retry-after") == ("1" if status == 502 else None)
    assert sent["cache-control"] == "no-store"


def test_the_style_sheet_is_there_while_nobody_draws_pages(tmp_path):
    async def ask():
        onward = ReverseProxy(str(tmp_path / "nobody"))
        transport = httpx.ASGITransport(onward)
        async with httpx.AsyncClient(transport=transport, base_url="https://127.0.0.1:8443") as client:
            found = await client.get("/static/nephoscope.css"), await client.get("/static/page.js")
        await onward.close()
        return found

    style, script = asyncio.run(ask())
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert ".panel" in style.text
    assert script.status_code == 502


@pytest.mark.parametrize("body", [b"", b"a body"])
def test_a_client_that_goes_away_ends_its_request_at_the_web_process(tmp_path, body):
    """The web process learns of it, and may end what it does for the client."""

    async def scenario():
        begun, left = asyncio.Event(), asyncio.Event()

        async def web(scope, receive, send):
            while (await receive()).get("more_body"):
                pass
            begun.set()
            assert (await receive())["type"] == "http.disconnect"
            left.set()

        async def receive():
            for one in sent:
                return one
            await begun.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            raise AssertionError(message)

        sent = iter([{"type": "http.request", "body": body, "more_body": False}])
        path = str(tmp_path / "web")
        config = uvicorn.Config(web, uds=path, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            assert not serving.done(), serving.exception()
            await asyncio.sleep(0.001)
        onward = ReverseProxy(path)
        headers = [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())]
        scope = {
            "type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "scheme": "https",
            "headers": headers, "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await onward(scope, receive, send)
        await left.wait()
        await onward.close()
        server.should_exit = True
        await serving

    asyncio.run(scenario())
