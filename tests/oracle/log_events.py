"""Foreign log events: `python tests/oracle/log_events.py CORPUS [--engine empty] [-v]`.

CORPUS holds logs/labelled_events.jsonl and logs/attack_technique_events.jsonl, or is that folder. Every event is read as a file of
its own, its format found by itself. Of each the runner must learn where it went: at least a row, of a format, with a time, or a
stated reason with its place; as many outcomes as records; nothing raised. An event whose source is known (`logtypes`) and that has
a time must be a row of a table of that source. Prints the formats, the tables and the reasons; the last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from corpus_records import lines

from nephoscope.ingest.logs.discovery import Formats, load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches
from nephoscope.ingest.logs.resource_log import TIME_NAMES

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FILES = ("labelled_events.jsonl", "attack_technique_events.jsonl")
ENTRA = ("SigninLogs", "AuditLogs", "AAD", "ADFS", "MicrosoftGraph", "MicrosoftServicePrincipal")
RESOURCES = (
    "Azure",
    "AKS",
    "AZKV",
    "AZFW",
    "AGW",
    "Storage",
    "AppService",
    "FunctionApp",
    "SQL",
    "Container",
)
#: How a source's name in the corpus begins -> how the names of its tables begin.
SOURCES = {
    "Azure.MonitorActivity": (*RESOURCES, *ENTRA),
    "Azure.Audit": ENTRA,
    "Windows.": ("SecurityEvent", "Event", "WindowsEvent"),
    "Microsoft365.Audit": ("OfficeActivity",),
    "MicrosoftGraph.SecurityAlert": ("SecurityAlert", "AlertInfo"),
}
TIMES = {
    name.lower()
    for name in (
        *TIME_NAMES,
        "EventTime",
        "TimeCreated",
        "createdDateTime",
        "activityDateTime",
        "CreationTime",
    )
}


@dataclass
class Event:
    """An event of the corpus: its bytes, and what is known of its source."""

    place: str
    data: bytes
    sources: tuple[str, ...] = ()
    timed: bool = False
    wrong: str = ""


@dataclass
class Outcome:
    """Where an event went: (format, table) of its rows, why parts were set aside, and what is wrong with that ('' = nothing)."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    wrong: str = ""


def events(folder: Path) -> Iterator[Event]:
    """The events of both files; an event that the corpus has as text is read as that text."""
    for name in FILES:
        for one in lines(folder / name):
            value = one.value.get("log", one.value.get("event"))
            raw = one.value.get("raw") if value is None else json.dumps(value)
            timed = isinstance(value, dict) and any(key.lower() in TIMES for key in value)
            wrong = one.wrong or ("" if isinstance(raw, str) else "the record has no event")
            sources = one.value.get("logtypes")
            yield Event(
                one.place,
                raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else b"",
                tuple(map(str, sources)) if isinstance(sources, list) else (),
                timed,
                wrong,
            )


def read(event: Event, known: Formats) -> Outcome:
    """Read an event as a file; anything that is raised is wrong."""
    outcome = Outcome(wrong=event.wrong)
    if event.wrong:
        return outcome
    try:
        records = 0
        for batch in read_batches(io.BytesIO(event.data), known, StreamContext(source=event.place, now=NOW)):
            records += batch.records
            for table, placed in batch.rows.items():
                outcome.rows += [(one.format, table) for one in placed]
                if not all(isinstance(one.row.values.get("TimeGenerated"), datetime) for one in placed):
                    outcome.wrong = "a row has no time"
            for form, tables, *_ in batch.ready:
                outcome.rows += [(form, name) for name, rows in tables.items() for _ in range(rows.num_rows)]
            outcome.reasons += [f"{one.format or 'no format'}: {one.reason}" for one in batch.bad]
            if not all(one.reason and one.place for one in batch.bad):
                outcome.wrong = "a bad record without reason or place"
    except Exception as error:  # noqa: BLE001 - that nothing is raised is what the runner is for
        outcome.wrong = f"{type(error).__name__}: {error}"
        return outcome
    if not outcome.wrong:
        outcome.wrong = _lost(outcome, records) or _misplaced(event, outcome)
    return outcome


def _lost(outcome: Outcome, records: int) -> str:
    if records == 0 or len(outcome.rows) + len(outcome.reasons) < records:
        return f"{records} records, {len(outcome.rows)} rows and {len(outcome.reasons)} reasons"
    return ""


def _misplaced(event: Event, outcome: Outcome) -> str:
    """An event of a known source, with a time, must be a row of a table of that source."""
    wanted = [
        start
        for source in event.sources
        for name, starts in SOURCES.items()
        if source.startswith(name)
        for start in starts
    ]
    if not wanted or not event.timed:
        return ""
    tables = {table for _, table in outcome.rows}
    if not any(table.startswith(tuple(wanted)) for table in tables):
        return f"{', '.join(event.sources)} went to {sorted(tables) or outcome.reasons}"
    return ""


def show(title: str, counts: Counter[Any]) -> None:
    """A table of counts."""
    print(title)
    for name, count in counts.most_common():
        print(f"  {count:>5} {name if isinstance(name, str) else ' -> '.join(name)}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument(
        "--engine",
        choices=["nephoscope", "empty"],
        default="nephoscope",
        help="empty: with no formats, the floor",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print every event that is set aside")
    options = parser.parse_args()
    folder = options.corpus / "logs" if (options.corpus / "logs").is_dir() else options.corpus
    known = load_formats() if options.engine == "nephoscope" else Formats((), (), ())
    found = [(event, read(event, known)) for event in events(folder)]
    if not found:
        print("no events", file=sys.stderr)
        return 2
    show("rows", Counter(row for _, outcome in found for row in outcome.rows))
    show("set aside", Counter(reason[:120] for _, outcome in found for reason in outcome.reasons))
    for event, outcome in found:
        if outcome.wrong or (options.verbose and outcome.reasons):
            print(
                f"{event.place}: {outcome.wrong or outcome.reasons[0]}\n    {event.data[:300].decode(errors='replace')}"
            )
    recognized = sum(bool(outcome.rows) for _, outcome in found)
    print(
        f"{recognized} of {len(found)} events are rows, {sum(bool(o.reasons) for _, o in found)} have a reason"
    )
    matched = sum(not outcome.wrong for _, outcome in found)
    print(f"{matched}/{len(found)} match")
    return 0 if matched == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
