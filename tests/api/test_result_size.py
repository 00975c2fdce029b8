"""A result that is larger than an answer may be: a part of it with a partial error, or an error, and never all of it in memory."""

from __future__ import annotations

import pyarrow as pa
import pytest

from nephoscope.api.logs import log_analytics
from nephoscope.api.wire import kusto_properties
from nephoscope_kql.engines.result_limit import ResultLimit

LARGE = "range i from 1 to 20000 step 1 | extend a = strcat(strrep('x', 500), i)"
PATH = "/v1/workspaces/default/query"


@pytest.fixture
def small(monkeypatch):
    """Answers may have a MiB."""
    monkeypatch.setattr(log_analytics, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(log_analytics.ResponseBudget.__init__, "__defaults__", (1 << 20, False))
    monkeypatch.setattr(kusto_properties, "MAX_BYTES", 1 << 20)


def test_rows_that_do_not_fit_are_left_out(server, owner, small):
    told = server.post(PATH, headers=owner, json={"query": LARGE})
    assert told.status_code == 200
    rows = told.json()["tables"][0]["rows"]
    assert 1_000 < len(rows) < 2_100
    assert len(told.content) < 1.1 * (1 << 20)
    assert rows[0][0] == 1
    error = told.json()["error"]
    assert error["code"] == "PartialError"
    assert "MiB" in error["message"]


def test_all_results_share_the_room(server, owner, small):
    told = server.post(PATH, headers=owner, json={"query": f"{LARGE} | fork (take 20000) (take 19999)"})
    assert len(told.content) < 1.2 * (1 << 20), told.text[:300]
    assert told.json()["error"]["code"] == "PartialError"


def test_what_fits_is_whole(server, owner, small):
    told = server.post(PATH, headers=owner, json={"query": f"{LARGE} | take 100"}).json()
    assert len(told["tables"][0]["rows"]) == 100
    assert "error" not in told


def test_kusto_gives_an_error_and_no_part(server, owner, small):
    told = server.post("/v1/rest/query", headers=owner, json={"csl": LARGE, "db": "default"})
    assert told.status_code == 400
    assert told.json()["error"]["code"] == "E_QUERY_RESULT_SET_TOO_LARGE"


@pytest.mark.parametrize(
    ("rows", "size", "kept", "cut"), [(10, 1 << 20, 10, False), (9, 1 << 20, 9, True), (10, 40, 5, True), (10, 0, 0, True)]
)  # fmt: skip
def test_most(rows, size, kept, cut):
    batches = [pa.record_batch({"a": pa.array(range(start, start + 5))}) for start in (0, 5)]
    most = ResultLimit(rows, size)
    found = most.read_rows(pa.RecordBatchReader.from_batches(batches[0].schema, batches))
    assert (found["a"].to_pylist(), most.cut) == (list(range(kept)), cut)


def test_rows_over_the_bound_are_not_asked_for():
    asked = []

    def batches():
        for number in range(100):
            asked.append(number)
            yield pa.record_batch({"a": pa.array(["x" * 1000] * 10)})

    schema = pa.schema({"a": pa.string()})
    ResultLimit(1_000_000, 25_000).read_rows(pa.RecordBatchReader.from_batches(schema, batches()))
    assert len(asked) <= 4


@pytest.mark.parametrize(("seconds", "statuses"), [(600.0, [200, 200]), (0.0, [504, 504])])
def test_a_batch_has_its_time(server, owner, monkeypatch, seconds, statuses):
    monkeypatch.setattr(log_analytics, "BATCH_SECONDS", seconds)
    asked = [{"id": one, "workspace": "default", "body": {"query": "print 1"}} for one in ("1", "2")]
    told = server.post("/v1/$batch", headers=owner, json={"requests": asked}).json()["responses"]
    assert [one["status"] for one in told] == statuses
