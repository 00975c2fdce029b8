"""A Graph with three users that records the changes that are made in it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from nephoscope.automation.actions import account


class _Token:
    token, expires_on = "secret-token", 1 << 40


class _Credential:
    def get_token(self, *_: str, **__: Any) -> _Token:
        return _Token()


class RecordedGraph:
    """A Graph with three users that records changes; `answers` are statuses of the next changes."""

    def __init__(self) -> None:
        self.users = {"id-ada": True, "bob@contoso.com": True, "id-off": False}
        self.changes: list[tuple[str, str, dict[str, Any]]] = []
        self.answers: list[int] = []
        self.tokens: set[str] = set()

    def answer(self, method: str, path: str, body: dict[str, Any], token: str) -> tuple[int, dict[str, Any]]:
        self.tokens.add(token)
        name = path.partition("?")[0].removeprefix("/v1.0/users/").partition("/")[0]
        if name not in self.users:
            return 404, {"error": {"code": "Request_ResourceNotFound"}}
        if method == "GET":
            known = {"id-ada": "ada@contoso.com"}.get(name, name)
            return 200, {"id": name, "accountEnabled": self.users[name], "userPrincipalName": known}
        status = self.answers.pop(0) if self.answers else 204
        if status < 300:
            self.changes.append((method, path.removeprefix("/v1.0/users/"), body))
        return status, {"error": {"message": "not now"}}


@pytest.fixture
def graph(tmp_path, monkeypatch):
    recorded = RecordedGraph()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, answer = recorded.answer(self.command, self.path, body, self.headers["Authorization"])
            content = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}"
    cloud = tmp_path / "cloud.json"
    names = ("resourceManager", "authority", "graph", "audience")
    cloud.write_text(json.dumps({"name": "test", **dict.fromkeys(names, origin)}))
    monkeypatch.setattr(account, "create_credential_source", lambda *_: _Credential)
    recorded.operator = {
        "accounts": {"sign_in": "default", "cloud": str(cloud), "never": ["Bob@contoso.com"]}
    }
    yield recorded
    server.shutdown()
    server.server_close()
