"""Every format: its samples (tests/ingest/logs/cases/<format>/*.in) give the golden rows beside them, recognized by themselves.

`NAME.context.json` beside a sample may set `source`, `destination` and `table`.
"""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nephoscope.ingest.logs.discovery import Formats, load_formats
from nephoscope.ingest.logs.log_format import Destination, StreamContext
from nephoscope.ingest.logs.log_reader import read_batches

CASES = Path(__file__).parent / "cases"
SAMPLES = sorted(CASES.glob("*/*.in"))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def _context(sample: Path) -> StreamContext:
    path = sample.with_suffix(".context.json")
    given = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return StreamContext(
        source=given.get("source", sample.name),
        now=NOW,
        table=given.get("table", ""),
        destination=Destination(given.get("destination", "both")),
    )


def _read(sample: Path, wanted: Formats) -> dict[str, object]:
    rows, bad = [], []
    for batch in read_batches(io.BytesIO(sample.read_bytes()), wanted, _context(sample)):
        for form, tables, *_ in batch.ready:
            rows += [
                {"place": "", "format": form, "table": name, "values": values}
                for name, table in tables.items()
                for values in table.to_pylist()
            ]
        rows += [
            {
                "place": placed.place,
                "format": placed.format,
                "table": placed.row.table,
                "values": placed.row.values,
            }
            for found in batch.rows.values()
            for placed in found
        ]
        bad += [{"place": entry.place, "reason": entry.reason, "format": entry.format} for entry in batch.bad]
    return {"rows": rows, "bad": bad}


def _printed(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"


@pytest.mark.parametrize("sample", SAMPLES, ids=[f"{path.parent.name}/{path.stem}" for path in SAMPLES])
def test_samples_give_their_golden_rows(sample: Path, request: pytest.FixtureRequest) -> None:
    found = _read(sample, load_formats())
    path = sample.with_suffix(".golden.json")
    if request.config.getoption("--update-golden"):
        path.write_text(_printed(found), encoding="utf-8")
    assert _printed(found) == path.read_text(encoding="utf-8")
    assert found["rows"], "a sample shows rows"


@pytest.mark.parametrize("sample", SAMPLES, ids=[f"{path.parent.name}/{path.stem}" for path in SAMPLES])
def test_auto_finds_the_format_that_is_named(sample: Path) -> None:
    everything = _read(sample, load_formats())
    named = {row["format"] for row in everything["rows"]}  # type: ignore[attr-defined]
    assert named == {sample.parent.name}
    assert _read(sample, load_formats().select_format(sample.parent.name))["rows"] == everything["rows"]


def test_every_format_has_samples_that_write_each_of_its_tables() -> None:
    missing = {}
    for name in load_formats().names():
        written = {
            row["table"]
            for sample in CASES.glob(f"{name}/*.golden.json")
            for row in json.loads(sample.read_text(encoding="utf-8"))["rows"]
        }
        found = load_formats().select_format(name)
        tables = {table for group in found[:3] for form in group for table in form.tables}
        if tables - written or not written:
            missing[name] = sorted(tables - written)
    assert not missing
