"""Labelled events against the shipped detections: `python tests/oracle/labelled_events.py FILE [--engine empty|always] [-v]`.

FILE is labelled_events.jsonl: an event, and whether a named foreign rule should fire on it. The event goes through the real formats
into its table, as often within the rule's window as the rule's threshold says, and the shipped rules that read that table run over
it. A firing counts only where our rule shares a technique of ATT&CK with the record (one is the other's parent, or they are equal); of
a record that names no technique any firing counts, for and against.
What a log type has no table for is a miss. Prints the mapping, recall and specificity apart; the last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from corpus_records import Record as Line
from corpus_records import lines
from corpus_records import raised as error_of
from detection_engine import NOW, DetectionEngine

from nephoscope.alerts.rules.rule import AnalyticRule

#: What a record without a technique is compared by: any technique counts, for and against.
ANY = ("*",)


@dataclass(frozen=True)
class Record:
    """An event of the file: what it must or must not raise, by which techniques, how often it is replayed."""

    place: str
    rule: str
    wanted: bool
    techniques: tuple[str, ...]
    times: int
    minutes: int
    data: bytes
    wrong: str = ""


def records(path: Path) -> list[Record]:
    """The records of the file; one that cannot be read says why."""
    found = []
    for line in lines(path):
        try:
            found.append(_record(line))
        except Exception as error:  # noqa: BLE001 - a runner's border: a record that cannot be read is a miss, and is shown
            found.append(Record(line.place, "?", True, ANY, 1, 60, b"", line.wrong or error_of(error)))
    return found


def _record(line: Line) -> Record:
    one = line.value
    given = [name.split(":")[-1] for names in (one.get("mitre") or {}).values() for name in names]
    log = one["log"]
    data = log.encode() if isinstance(log, str) else json.dumps(log).encode()
    if not isinstance(one["expected"], bool):
        raise TypeError(f"expected is {one['expected']!r}")
    return Record(
        line.place, str(one["rule"]), one["expected"], tuple(given) or ANY,
        int(one.get("threshold") or 1), int(one.get("dedup") or 60), data,
    )  # fmt: skip


def shares(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether two lists name one technique, or one names the parent of the other's."""
    return "*" in theirs or any(
        one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
        for one in ours
        for other in theirs
    )


class Engine(DetectionEngine):
    """The shipped rules over the rows of one event."""

    def fired(self, record: Record) -> list[AnalyticRule]:
        """The rules that raise an alert and share a technique."""
        rows = {name: self._replayed(several, record) for name, several in self.tables_of(record).items()}
        found = self.alerts(rows, lambda rule: shares(rule.techniques, record.techniques))
        return [rule for rule, _ in found.values()]

    def tables_of(self, record: Record) -> dict[str, list[dict[str, Any]]]:
        """The rows that the formats make of the event, by table."""
        return self.rows_of(record.data, record.place)

    def _replayed(self, rows: list[dict[str, Any]], record: Record) -> list[dict[str, Any]]:
        """The rows as they would come now: the last just before the window ends, `times` of them spread over the rule's minutes."""
        step = timedelta(minutes=record.minutes) / max(record.times, 1)
        return [
            {**row, "TimeGenerated": NOW - timedelta(minutes=1) - turn * min(step, timedelta(minutes=1))}
            for row in rows
            for turn in range(record.times)
        ]


def fired_by(engine: Engine, record: Record) -> tuple[list[AnalyticRule], str]:
    """The rules that fire, and why that cannot be said ('' = it can)."""
    try:
        return (engine.fired(record), "") if not record.wrong else ([], record.wrong)
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a record is a miss, and is shown
        return [], error_of(error)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--engine", choices=("rules", "empty", "always"), default="rules")
    parser.add_argument("-v", action="store_true", dest="verbose")
    options = parser.parse_args()
    engine, right, of = Engine(), Counter[bool](), Counter[bool]()
    mapped: dict[str, set[str]] = defaultdict(set)
    for record in records(options.file):
        rules, wrong = fired_by(engine, record) if options.engine == "rules" else ([], record.wrong)
        fired = bool(rules) if options.engine == "rules" else options.engine == "always"
        mapped[record.rule] |= {f"{one.name} ({', '.join(one.techniques)})" for one in rules}
        of[record.wanted] += 1
        right[record.wanted] += fired == record.wanted and not wrong
        if options.verbose and (fired != record.wanted or wrong):
            names = wrong or "; ".join(one.name for one in rules) or "nothing"
            print(
                f"{record.place} {record.rule} {','.join(record.techniques)}: wanted {record.wanted}, fired {names}"
            )
    for name, ours in sorted(mapped.items()):
        print(f"{name}: {'; '.join(sorted(ours)) or '-'}")
    print(f"recall {right[True]}/{of[True]} = {right[True] / max(of[True], 1):.1%} of what must be found")
    print(
        f"specificity {right[False]}/{of[False]} = {right[False] / max(of[False], 1):.1%} of what must be left alone"
    )
    print(f"{right.total()}/{of.total()} match")
    return 0


if __name__ == "__main__":
    sys.exit(main())
