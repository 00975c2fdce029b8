"""What externaldata may read over a network: allowed hosts only, also after a redirect."""

from __future__ import annotations

import csv
import gzip
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nephoscope_kql as kql
from nephoscope_kql import externaldata
from nephoscope_kql.engines.externaldata_access import AllowedLocations
from nephoscope_kql.errors import ExternalDataError, KqlError
from nephoscope_kql.externaldata import ExternalSource, records, unpack_content


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        place = self.path
        if place.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", place.removeprefix("/to?"))
            self.end_headers()
            return
        self.send_response(200 if place == "/a.csv" else 404)
        self.end_headers()
        self.wfile.write(b"1\n2\n")

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def ask(location: str, *hosts: str) -> list[int]:
    reader = AllowedLocations(hosts=frozenset(hosts))
    found = kql.run(f"externaldata(n: long)[@'{location}'] with (format = csv)", external=reader)
    return found.column("n").to_pylist()


def test_an_allowed_host_is_read(host: str) -> None:
    assert ask(f"{host}/a.csv", host) == [1, 2]
    assert ask(f"{host}/to?/a.csv", host) == [1, 2]


@pytest.mark.parametrize("location", ["{host}/a.csv", "{host}/to?http://other.example/a.csv"])
def test_no_other_host_is_asked(host: str, location: str) -> None:
    allowed = [] if location == "{host}/a.csv" else [host]
    with pytest.raises(KqlError, match="may not read from http"):
        ask(location.format(host=host), *allowed)


@pytest.mark.parametrize(
    "location",
    [
        "http://allowed.example/a.csv",
        "https://allowed.example:8443/a.csv",
        "https://allowed.example@evil.example/a.csv",
        "https://allowed.example.evil.example/a.csv",
        "ftp://allowed.example/a.csv",
        "file:///etc/passwd",
        "/etc/passwd",
    ],
)
def test_what_looks_like_an_allowed_host(location: str) -> None:
    with pytest.raises(KqlError, match="may not read") as caught:
        ask(location, "allowed.example")
    assert (caught.value.kind, caught.value.line, caught.value.column) == ("unsupported", 1, 1)


def test_a_missing_file_and_endless_redirects(host: str) -> None:
    with pytest.raises(KqlError, match="answers 404"):
        ask(f"{host}/b.csv", host)
    with pytest.raises(KqlError, match="redirects too often"):
        ask(f"{host}/to?" * 7 + f"{host}/a.csv", host)


def test_packed_files() -> None:
    assert unpack_content(gzip.compress(b"x"), "a.gz") == b"x"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "y")
    assert unpack_content(packed.getvalue(), "a.zip") == b"y"
    for broken in (gzip.compress(b"x" * 100)[:20], packed.getvalue()[:30], b"PK\x03\x04"):
        with pytest.raises(KqlError, match="cannot be unpacked"):
            unpack_content(broken, "a")


def test_a_file_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(externaldata, "MAX_BYTES", 1000)
    with pytest.raises(KqlError, match="is larger than"):
        unpack_content(gzip.compress(b"x" * 1001), "a.gz")


def test_a_cell_over_the_limit_costs_its_row_whatever_the_process_allows() -> None:
    source = ExternalSource("T", (), "csv", ("a", "b"))
    data = b"1,x\n2," + b"y" * (externaldata.MAX_CELL + 1) + b"\n3,z\n"
    before = csv.field_size_limit(1 << 22)
    try:
        assert list(records(source, data)) == [("1", "x"), ("3", "z")]
    finally:
        csv.field_size_limit(before)


def test_parquet_is_read_by_column_names() -> None:
    data = pa.BufferOutputStream()
    pq.write_table(pa.table({"b": ["x", None], "a": [1, 2]}), data)
    source = ExternalSource("s", ("f",), "parquet", ("a", "b", "c"))
    assert list(records(source, data.getvalue().to_pybytes())) == [("1", '"x"', None), ("2", None, None)]
    with pytest.raises(KqlError, match="is not Parquet"):
        list(records(source, b"PAR1 and no more"))


@pytest.mark.parametrize(
    ("location", "passing"),
    [("{host}/b.csv", False), ("http://127.0.0.1:1/a.csv", True), ("http://other.example/a.csv", False)],
)
def test_what_may_answer_the_next_time(host: str, location: str, passing: bool) -> None:
    with pytest.raises(ExternalDataError) as caught:
        ask(location.format(host=host), host, "http://127.0.0.1:1")
    assert caught.value.passing is passing
    assert caught.value.line == 1
