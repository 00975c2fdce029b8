"""Load tally: rows by table, quarantined records and file outcomes of a load."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from nephoscope.ingest.logs.quarantine_sorting import RecordOutcome
from nephoscope.lake.schema.column_types import SUBSCRIPTION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.ingest.logs.parsed_batch import ParsedBatch
    from nephoscope.state.ingestion.ingested_files import IngestedFile

_PARTICULAR = re.compile(r":? '[^']*'| \d{4}-\d\d-\d\dT[0-9:.]+(?:\+00:00|Z)?| \(byte \d+\)")


def generalize_reason(reason: str) -> str:
    """A reason without what is particular to one record: times and quoted values."""
    return _PARTICULAR.sub("", reason)


#: Of so many reasons the first entry is kept.
_EXAMPLES = 1000


@dataclass
class LoadTally:
    """Tally of a load: rows by table, quarantined entries by reason, and how many files were read, taken up or known.

    Of each reason `examples` has the first entry, with its place.

    `outcome` counts the records by what became of them; `derived` of the rows were made of other rows; `recoded` records were no
    UTF-8, `halves` had half of a surrogate pair; `strangers` of the rows have no column of the table that was asked for.
    `untimed` of them have the time of ingestion, since their records tell none; `refused` files gave no record, but one entry each.
    `known_loads` says how many rows each load gave that took known files in before;
    `continued` of the files read had grown and gave what was new. `failed` says of
    each file that was not read to its end why, also where that was in an earlier load; `grown` names those that had grown and gave
    all their rows again: nothing tells where they went on. `cut` names those of which an earlier load took the beginning of a line,
    with the number of that line.
    `unplaced` names those whose rows came before under a path that told no resource, with that path.
    `older` names those that are the beginning of a longer content that was taken in, with its name and how much of them is;
    `overlapping` those of these where nothing tells how much, which were read as a whole; `alike`
    those that begin with all of a short file of another name, with that name.
    `unwanted` counts the rows of tables that the workspace does not take, by table.
    `unfinished` names the file that is being read ('' = none): where the load ends then, it was not read to its end.
    `placeless` rows name no resource and `elsewhere` those of subscriptions that the workspace does not show: nobody sees them there.
    `passed_over` names members of archives that are no logs by their names, `special` those that are no plain files.
    `again_since`: when the load with --again was begun that was interrupted and has gone on here.
    """

    rows: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    outcome: RecordOutcome = field(default_factory=RecordOutcome)
    derived: int = 0
    recoded: int = 0
    halves: int = 0
    strangers: int = 0
    untimed: int = 0
    refused: int = 0
    read: int = 0
    resumed: int = 0
    known: int = 0
    known_loads: dict[str, int] = field(default_factory=dict)
    continued: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    grown: list[str] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)
    unplaced: dict[str, str] = field(default_factory=dict)
    older: dict[str, str] = field(default_factory=dict)
    overlapping: dict[str, str] = field(default_factory=dict)
    unfinished: str = ""
    unwanted: Counter[str] = field(default_factory=Counter)
    placeless: int = 0
    elsewhere: int = 0
    alike: dict[str, str] = field(default_factory=dict)
    passed_over: list[Path] = field(default_factory=list)
    special: list[Path] = field(default_factory=list)
    again_since: datetime | None = None

    @property
    def known_rows(self) -> int:
        """Count how many rows the known files have in the lake."""
        return sum(self.known_loads.values())

    def count_known_loads(self, loads: Iterable[IngestedFile]) -> None:
        """Count a known file by the loads that took it in: one that has grown was taken in by several, a copy by the same ones."""
        self.known += 1
        self.known_loads.update({one.identity: one.rows for one in loads})

    def add(self, parsed: ParsedBatch, shown: frozenset[str] | None = None) -> None:
        """Count a block; `shown` are the subscriptions whose rows the workspace shows (None = all)."""
        if shown is not None:
            self._sort_out(parsed, shown)
        self.outcome = RecordOutcome(*map(sum, zip(self.outcome, parsed.outcome, strict=True)))
        self.derived += parsed.derived
        self.recoded += parsed.recoded
        self.halves += parsed.halves
        self.strangers += parsed.strangers
        self.untimed += sum(parsed.untimed.values())
        self.refused += parsed.refused
        self.unwanted.update(parsed.unwanted)
        self.rows.update({name: rows.num_rows for name, rows in parsed.tables.items() if rows.num_rows})
        for entry in parsed.bad:
            kind = generalize_reason(entry.reason)
            self.bad[kind] += 1
            if kind not in self.examples and len(self.examples) < _EXAMPLES:
                place = f"{entry.source}, {entry.place}" if entry.source else entry.place
                self.examples[kind] = f"{place}: {entry.reason}"

    def _sort_out(self, parsed: ParsedBatch, shown: frozenset[str]) -> None:
        """Count the rows that the workspace, which shows some subscriptions only, will not show."""
        for rows in parsed.tables.values():
            for found in pc.value_counts(rows.column(SUBSCRIPTION)).to_pylist():
                if not found["values"]:
                    self.placeless += found["counts"]
                elif found["values"] not in shown:
                    self.elsewhere += found["counts"]
