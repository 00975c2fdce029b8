"""A replayed Resource Manager with the packet captures of one network watcher, and a data folder whose operator allows them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.analyze.world import GROUP, SUB, bodies

from nephoscope.automation import network_watcher
from nephoscope.automation.operator_policy import FILE
from nephoscope.estate.estate import Estate
from nephoscope.estate.tenant_stores import open_tenant_store
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web1"
WATCHER = f"{SUB}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/nw-we"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/captures"
WORLD = {
    "vnets": {"main": {"space": ["10.0.0.0/16"], "subnets": {"web": {"prefix": "10.0.1.0/24"}}}},
    "vms": {"web1": {"subnet": "main/web", "ip": "10.0.1.4"}},
}
OPERATOR = {"captures": {"sign_in": "default", "storage": STORAGE}}


class _Token:
    token, expires_on = "secret-token", 1 << 40


class ReplayedCredential:
    def get_token(self, *_: str, **__: Any) -> _Token:
        return _Token()


class ReplayedManager:
    """A Resource Manager with the captures of one watcher; `refusal` is the answer to the next request."""

    def __init__(self) -> None:
        self.captures: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.tokens: set[str] = set()
        self.refusal: tuple[int, dict[str, Any]] | None = None
        self.origin, self.place = "", ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any, dict[str, str]]:
        place, _, query = path.partition("?")
        self.requests.append((method, place, body))
        if self.refusal is not None:
            (status, document), self.refusal = self.refusal, None
            return status, document, {}
        if place.startswith("/results/"):
            name = place.removeprefix("/results/")
            return 200, self._status(name), {}
        assert query == "api-version=2024-05-01"
        below = f"{WATCHER}/packetCaptures"
        if (method, place) == ("GET", below):
            return 200, {"value": list(self.captures.values())}, {}
        name, _, verb = place.removeprefix(f"{below}/").partition("/")
        if method == "PUT":
            return 201, self._create(name, body["properties"]), {}
        if name not in self.captures:
            return 404, {"error": {"code": "NotFound", "message": f"{name} was not found"}}, {}
        if verb == "queryStatus":
            place = self.place or self.origin
            return 202, None, {"Location": f"{place}/results/{name}", "Retry-After": "0"}
        if verb == "stop":
            self.captures[name]["properties"]["state"] = "Stopped"
            return 202, None, {}
        return 200, self.captures[name], {}

    def _create(self, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        path = f"https://captures.blob.core.windows.net/network-watcher-logs/{name}.cap"
        location = {**properties["storageLocation"], "storagePath": path}
        self.captures[name] = {
            "id": f"{WATCHER}/packetCaptures/{name}", "name": name, "etag": 'W/"1"',
            "properties": {**properties, "storageLocation": location, "provisioningState": "Updating", "bytesToCapturePerPacket": 0},
        }  # fmt: skip
        return self.captures[name]

    def _status(self, name: str) -> dict[str, Any]:
        stopped = "state" in self.captures[name]["properties"]
        found = {
            "name": name,
            "packetCaptureStatus": "Stopped" if stopped else "Running",
            "packetCaptureError": [],
        }
        return {**found, "stopReason": "ManuallyStopped"} if stopped else found


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplayedManager]:
    replayed = ReplayedManager()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            replayed.tokens.add(self.headers["Authorization"])
            body = json.loads(self.rfile.read(length)) if length else None
            status, document, headers = replayed.answer(self.command, self.path, body)
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _do  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    replayed.origin = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(network_watcher, "create_credential_source", lambda *_: ReplayedCredential)
    yield replayed
    server.shutdown()
    server.server_close()


def prepare_captures(folder: Path, manager: ReplayedManager) -> str:
    """Store a machine, the watcher of its region and one of another; return the file of the replayed cloud."""
    watchers = [
        {"id": WATCHER.replace("nw-we", f"nw-{name}"), "type": "Microsoft.Network/networkWatchers", "name": name, "location": place}
        for name, place in (("ne", "northeurope"), ("we", "West Europe"))
    ]  # fmt: skip
    resources = [Resource.of(one) for one in [*bodies(WORLD), *watchers]]
    made = Estate.of(resources, Coverage({}, tenant="t1"), tenant="t1")
    open_tenant_store(folder, made).append(made, datetime.now(UTC))
    cloud = folder.parent / "cloud.json"
    names = ("resourceManager", "authority", "graph", "audience")
    cloud.write_text(json.dumps({"name": "test", **dict.fromkeys(names, manager.origin)}))
    return str(cloud)


def write_operator(data: Path, document: dict[str, Any]) -> None:
    (data / FILE).parent.mkdir(parents=True, exist_ok=True)
    (data / FILE).write_text(yaml.safe_dump(document))
