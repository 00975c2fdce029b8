"""Mutated records of every format: nothing is raised, and each is a row of the lake, or set aside with a reason and a place."""

from __future__ import annotations

import copy
import io
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from nephoscope.lake.rows import arrow_of
from nephoscope.lake.tables import Tables
from nephoscope.lake.workspace import Workspace
from nephoscope.sources.logs.discovery import formats
from nephoscope.sources.logs.envelope import blocks
from nephoscope.sources.logs.format import Context
from nephoscope.sources.logs.reading import Batch, batches

CASES = Path(__file__).parent / "cases"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONTEXT = Context(source="fuzz", now=NOW)
PARTS = 10
TOGETHER = 40
ODD: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        2**31,
        2**63,
        -(2**64),
        1e308,
        0.5,
        "",
        " ",
        "0",
        "null",
        "[]",
        "{}",
        "[",
        '{"',
        "\x00",
    ),
    *(
        "-",
        "9" * 40,
        "1e999",
        "ſ\u212a\udfff".encode("utf-8", "replace").decode(),
        "x" * 3000,
        [],
        {},
        [[]],
        {"": {}},
    ),
    *(
        [None, 1, {"a": [1]}],
        {"value": {}},
        "2026-02-30T25:61:61Z",
        "9999-12-31T23:59:59.9999999Z",
        "0001-01-01T00:00:00Z",
    ),
    *(
        "2/30/2026 13:00:00 PM",
        "/subscriptions//resourceGroups/",
        "/",
        "//",
        "/tenants/x/providers",
        "\u202e",
        "%s%n",
        "=|\\",
    ),
]
ALPHABET = '{}[]":,\\|=<>&; \t\x00\x1f\u00e9\U0001f600abc0129-_./TZ%'


@cache
def seeds() -> tuple[list[dict[str, Any]], list[str]]:
    """The records and the lines of the samples."""
    records, lines = [], []
    for sample in sorted(CASES.glob("*/*.in")):
        if sample.parent.name in ("parquet", "csv"):
            continue
        for block in blocks(io.BytesIO(sample.read_bytes())):
            for piece in block.pieces:
                text = block.data[piece.start : piece.end].decode("utf-8", "replace")
                if block.text:
                    lines.append(text)
                elif not piece.error:
                    records.append(json.loads(text))
    return records, lines


def mutated(random: Random) -> str:
    """A record or a line with a few members or letters changed."""
    records, lines = seeds()
    if random.random() < 0.25:
        return changed(random, random.choice(lines))
    record = json.loads(json.dumps(random.choice(records)))
    for _ in range(random.randint(1, 4)):
        replace(random, record)
    text = json.dumps(record, ensure_ascii=random.random() < 0.5)
    return changed(random, text) if random.random() < 0.25 else text


def replace(random: Random, value: Any) -> None:
    """Put something odd somewhere into an object or array, or take something out, or write an object as text."""
    while value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = random.choice(keys)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and random.random() < 0.7:
            value = inner
            continue
        kind = random.random()
        if kind < 0.15:
            del value[key]
        elif kind < 0.3:
            value[key] = json.dumps(inner)
        elif kind < 0.4 and isinstance(inner, str):
            value[key] = changed(random, inner)
        elif kind < 0.45 and isinstance(value, dict):
            value[random.choice([key.upper(), key.lower(), f"{key} ", ""])] = value.pop(key)
        else:
            value[key] = copy.deepcopy(random.choice(ODD))
        return


def changed(random: Random, text: str) -> str:
    """A text with letters taken out, put in or doubled."""
    for _ in range(random.randint(1, 3)):
        at = random.randint(0, len(text))
        size = random.choice((1, 1, 2, 8, 40))
        kind = random.random()
        if kind < 0.35:
            text = text[:at] + text[at + size :]
        elif kind < 0.8:
            text = text[:at] + "".join(random.choice(ALPHABET) for _ in range(size)) + text[at:]
        else:
            text = text[:at] + text[at : at + size] * 2 + text[at + size :]
    return text.replace("\n", " ").replace("\r", " ")


def accounted(batch: Batch) -> tuple[int, int]:
    """The rows that the lake takes and those that are set aside; every row is one or the other."""
    taken, bad = 0, len(batch.bad)
    assert all(one.reason and one.place for one in batch.bad)
    for name, placed in batch.rows.items():
        table = Tables.builtin().get(name)
        if table is None:
            taken += len(placed)
            continue
        rows = arrow_of(table, [one.row.values for one in placed], workspace=Workspace.named("w"), now=NOW)
        assert rows.table.num_rows + len(rows.bad) == len(placed)
        taken, bad = taken + rows.table.num_rows, bad + len(rows.bad)
    return taken + sum(rows.num_rows for _, tables in batch.ready for rows in tables.values()), bad


def run(numbers: range) -> tuple[int, int]:
    taken = bad = 0
    for first in range(numbers.start, numbers.stop, TOGETHER * numbers.step):
        chosen = range(first, min(first + TOGETHER * numbers.step, numbers.stop), numbers.step)
        texts = [mutated(Random(f"log {number}")) for number in chosen]
        for kind in ("json", "text"):
            some = [
                text for text in texts if text.lstrip().startswith("{") == (kind == "json") and text.strip()
            ]
            records = 0
            for batch in batches(io.BytesIO("\n".join(some).encode("utf-8", "replace")), formats(), CONTEXT):
                good, set_aside = accounted(batch)
                assert good + set_aside >= batch.records
                records += batch.records
                taken, bad = taken + good, bad + set_aside
            assert records >= 1 or not some
    return taken, bad


def test_some_mutated_records() -> None:
    taken, bad = run(range(3000))
    assert taken > 500
    assert bad > 500


@pytest.mark.full
@pytest.mark.parametrize("part", range(PARTS))
def test_many_mutated_records(part: int) -> None:
    taken, bad = run(range(3000 + part, 103_000, PARTS))
    assert taken > 1000
    assert bad > 1000
