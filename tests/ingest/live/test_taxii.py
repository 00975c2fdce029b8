"""A TAXII 2.1 collection of a real server behind TLS: pages, what is added later, tokens that were forgotten, who may read."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from nephoscope.ingest.live.live_source import SourceContext
from nephoscope.ingest.live.source_kinds import get_source_kind, parse_settings
from nephoscope.ingest.live.tls import issue_self_signed
from nephoscope.ingest.source_failures import SourceError

pytestmark = pytest.mark.system

SERVER = Path(__file__).parents[1] / "threat_intelligence" / "taxii_server.py"
OPEN, CLOSED = "91a7b528-80eb-42ed-a74d-c6fbd5a26116", "52892447-4d7e-4f70-b94d-d7f22742ff63"
_TYPE = "application/taxii+json;version=2.1"


def indicator(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--11111111-1111-4111-8111-{number:012}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-02T00:00:00.000Z",
        "pattern": f"[domain-name:value = 'd{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        **changes,
    }


def collection(id_: str, title: str, *, readable: bool) -> dict[str, Any]:
    return {
        "id": id_, "title": title, "can_read": readable, "can_write": True, "media_types": ["application/stix+json;version=2.1"],
        "manifest": [], "objects": [],
    }  # fmt: skip


@dataclass
class Running:
    url: str
    ca: str

    def add(self, *objects: dict[str, Any]) -> None:
        headers = {"Accept": _TYPE, "Content-Type": _TYPE}
        context = ssl.create_default_context(cafile=self.ca)
        with httpx.Client(auth=("kim", "word"), verify=context) as client:
            path = f"{self.url}collections/{OPEN}/objects/"
            answer = client.post(path, content=json.dumps({"objects": objects}), headers=headers)
        assert answer.status_code == 202, answer.text


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    data = {
        "/discovery": {"title": "t", "default": "api1/", "api_roots": ["api1/"]},
        "api1": {
            "information": {"title": "t", "versions": [_TYPE], "max_content_length": 9_765_625},
            "status": [],
            "collections": [collection(OPEN, "open", readable=True), collection(CLOSED, "closed", readable=False)],
        },
    }  # fmt: skip
    (tmp_path / "data.json").write_text(json.dumps(data))
    config = {
        "backend": {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend",
                    "filename": str(tmp_path / "data.json")},
        "users": {"kim": "word"},
        "taxii": {"max_page_size": 100},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    certificate, key, authority = issue_self_signed(tmp_path / "tls", ("127.0.0.1",))
    command = [sys.executable, str(SERVER), str(tmp_path / "config.json"), str(certificate), str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            port = int(process.stdout.readline())
            yield Running(f"https://127.0.0.1:{port}/api1/", str(authority))
        finally:
            process.terminate()


def source(server: Running, **settings: Any):
    kind = get_source_kind("taxii")
    given = {
        "url": server.url,
        "ca": server.ca,
        "collections": OPEN,
        "sign_in": "basic",
        "user": "kim",
        "page": "4",
        "poll": "0.1",
        "private": "true",
    }
    return kind.make(
        parse_settings(kind, {**given, **settings}), SourceContext("feed", secrets={"password": "word"})
    )


def test_pages_and_what_is_added_later(server: Running, sink, running, until) -> None:
    server.add(*(indicator(number) for number in range(10)), indicator(99, pattern="[bad"))
    assert source(server).test() == f"2 collections: {OPEN} (open), {CLOSED} (closed)"
    with running(source(server), sink):
        until(lambda: len({one.id for one in sink.learned}) == 10, "the ten")
        server.add(indicator(10), indicator(3, modified="2026-01-03T00:00:00.000Z"))
        until(lambda: len({one.id for one in sink.learned}) == 11, "the eleventh")
        until(
            lambda: any(one.id.endswith("03") and one.modified.day == 3 for one in sink.learned),
            "the newer version",
        )
    assert [(one.place, one.reason[:9]) for one in sink.refused][:1] == [("objects[2]", "pattern: ")]
    before = len(sink.learned)
    server.add(indicator(11))
    with running(source(server), sink):
        until(lambda: any(one.id.endswith("11") for one in sink.learned), "what came while nobody asked")
    assert len(sink.learned) - before <= 2, "the old ones were asked for again"


def test_a_token_that_the_server_forgot_begins_the_stretch_anew(
    server: Running, sink, running, until
) -> None:
    server.add(*(indicator(number) for number in range(6)))
    sink.save_checkpoint(f"taxii:{OPEN}", {"since": "", "last": "", "next": "gone", "number": 4})
    with running(source(server), sink):
        until(lambda: len({one.id for one in sink.learned}) == 6, "all")
    assert sink.saved[f"taxii:{OPEN}"]["next"] == ""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"collections": CLOSED}, "is not readable by this user"),
        ({"collections": "x"}, "collection x not found: the server has"),
        ({"user": "jo"}, "status 401; is the secret right"),
        ({"ca": ""}, "CERTIFICATE_VERIFY_FAILED"),
        ({"ca": "/nowhere"}, "ca /nowhere: No such file"),
        ({"url": "http://127.0.0.1/"}, "must start with https://"),
    ],
)
def test_what_is_wrong_is_said(server: Running, settings: dict[str, str], said: str) -> None:
    with pytest.raises(SourceError, match=said.replace("(", r"\(")):
        source(server, **settings).test()
