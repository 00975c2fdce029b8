"""KQL against recorded results: `python tests/oracle/kql_cases.py FOLDER [--engine E] [--file F] [--family X] [-v]`.

FOLDER holds emulator_cases.jsonl and engine_cases.jsonl (recorded from the real engine), doc_examples.jsonl (printed in documents),
loco_cases.jsonl (another engine's expectations, a hint that counts for nothing) and the CSV tables that the queries use. Compared as
kql_compare and kql_printed say. Queries run in worker processes; one that takes over --limit seconds is a miss. Records with `geo` and
records of an error (matched only by a KqlError of class invalid) have lines of their own and are no part of the last line. -v prints
every disagreement. Exit 2 where matched, missed and excluded are not all lines of a file, else 1 on a miss. The last line is
`N/M match`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kql_engine
from kql_compare import TYPE_MAP, compare, recorded_result
from kql_engine import Answer
from kql_printed import compare_printed
from kql_workers import outcomes

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = ("emulator_cases", "engine_cases", "doc_examples")
HINTS = ("loco_cases",)
GROUPS = ("rows", "errors", "geo")


@dataclass
class Sum:
    """What came of the records of one group of a file."""

    matched: int = 0
    missed: int = 0
    misses: list[tuple[dict[str, Any], str]] = field(default_factory=list)

    def add(self, record: dict[str, Any], why: str) -> None:
        if why:
            self.missed += 1
            self.misses.append((record, why))
        else:
            self.matched += 1

    @property
    def of(self) -> int:
        return self.matched + self.missed

    def __str__(self) -> str:
        return f"{self.matched}/{self.of}" + (f" ({self.matched / self.of:.1%})" if self.of else "")


def asker(name: str, folder: Path) -> Callable[[str], Answer]:
    """What a worker process runs: the engine over the CSV tables."""
    return kql_engine.engine(name, kql_engine.csv_tables(folder))


def group_of(record: dict[str, Any]) -> str:
    """Which sum a record counts in."""
    if record.get("geo"):
        return "geo"
    expected = record.get("expected")
    return "errors" if isinstance(expected, dict) and "error" in expected else "rows"


def judge(file: str, record: dict[str, Any], answer: Answer | str) -> str:
    """Why an answer is not what a record wants; '' where it is."""
    if isinstance(answer, str):
        return answer
    expected = record.get("expected")
    if isinstance(expected, dict) and "error" in expected:
        return "" if answer.refused == "invalid" else f"the engine refuses this, ours: {str(answer)[:300]}"
    if answer.result is None:
        return str(answer)
    if file == "loco_cases":
        return hinted(record, answer)
    return (
        compare_printed(record, answer.result) if file == "doc_examples" else compare(record, answer.result)
    )


def hinted(record: dict[str, Any], answer: Answer) -> str:
    """Whether another engine's expectation shows in our last row: its last line's cells as texts."""
    assert answer.result is not None
    if record["format"] == "text" and not record["expected"]:
        return ""
    last = [str(cell) for cell in answer.result.rows[-1]] if answer.result.rows else []
    wanted = record["expected"].strip().split("\n")[-1]
    return "" if wanted in (";".join(last), "; ".join(last), ",".join(last)) else f"{last}, hinted {wanted!r}"


def run(file: str, options: argparse.Namespace) -> tuple[dict[str, Sum], dict[str, Sum], int, int]:
    """The sums of a file per group, those of its rows per family, the records left out by --family, and its lines."""
    text = (options.folder / f"{file}.jsonl").read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line.strip()]
    records = [json.loads(line) for line in lines]
    chosen = [one for one in records if options.family in (None, one.get("family"))]
    groups: dict[str, Sum] = defaultdict(Sum)
    families: dict[str, Sum] = defaultdict(Sum)
    found = outcomes(
        [one["query"] for one in chosen],
        asker,
        (options.engine, options.folder),
        options.workers,
        options.limit,
    )
    for place, answer in sorted(found, key=lambda pair: pair[0]):
        record = chosen[place]
        why = judge(file, record, answer)
        groups[group_of(record)].add(record, why)
        if group_of(record) == "rows":
            families[record.get("family", file)].add(record, why)
    return groups, families, len(records) - len(chosen), len(lines)


def show(file: str, groups: dict[str, Sum], families: dict[str, Sum], verbose: bool) -> None:
    """Print a file's sums, and its disagreements."""
    print(f"{file}: {groups['rows']}")
    for name in sorted(families):
        print(f"    {name:<28}{families[name]}")
    for name, title in (("errors", "recorded errors refused"), ("geo", "geo")):
        if groups[name].of:
            print(f"{file}, {title}: {groups[name]}")
    for record, why in [miss for name in GROUPS for miss in groups[name].misses if verbose]:
        wanted = json.dumps({key: record[key] for key in ("expected", "columns", "rows") if key in record})
        print(f"--- miss {file} {group_of(record)} {record.get('family', '')}\n{record['query']}")
        print(f"  wanted {wanted[:1500]}\n  got {why[:1500]}")


def misprinted(folder: Path, misses: list[tuple[dict[str, Any], str]]) -> int:
    """How many missed printed examples the real engine's recording of the same query contradicts: misprints, matched by nobody."""
    text = (folder / "emulator_cases.jsonl").read_text(encoding="utf-8")
    records = [json.loads(line) for line in text.split("\n") if line.strip()]
    known = {" ".join(one["query"].split()): one for one in records if "columns" in one["expected"]}
    found = [(one, known.get(" ".join(one["query"].split()))) for one, _ in misses]
    return sum(bool(compare_printed(one, recorded_result(real["expected"]))) for one, real in found if real)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", choices=["nephoscope", "witness", "empty", "error"], default="nephoscope")
    parser.add_argument("--file", choices=[*FILES, *HINTS], action="append", help="only these files")
    parser.add_argument("--family", help="only records of this family")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for one query")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every disagreement")
    options = parser.parse_args()
    print(f"engine {options.engine}; types equal under {TYPE_MAP}; now() is {kql_engine.NOW:%Y-%m-%d %H:%M}Z")
    matched = total = 0
    for file in options.file or [*FILES, *HINTS]:
        if not (options.folder / f"{file}.jsonl").is_file():
            continue
        groups, families, excluded, lines = run(file, options)
        show(file, groups, families, options.verbose)
        if file == "doc_examples" and (options.folder / "emulator_cases.jsonl").is_file():
            wrong = misprinted(options.folder, groups["rows"].misses)
            rest = groups["rows"].of - wrong
            print(
                f"{file}, contradicted by the real engine's recording of the same query: {wrong} of the missed; without them"
            )
            print(f"    {groups['rows'].matched}/{rest} ({groups['rows'].matched / max(rest, 1):.1%})")
        counted = sum(one.of for one in groups.values())
        if counted + excluded != lines:
            print(f"{file}: {counted} judged and {excluded} excluded of {lines} lines", file=sys.stderr)
            return 2
        if file in FILES:
            matched, total = matched + groups["rows"].matched, total + groups["rows"].of
    if not total:
        print(f"no record in {options.folder}", file=sys.stderr)
        return 2
    print(f"{matched}/{total} match")
    return 0 if matched == total else 1


if __name__ == "__main__":
    sys.exit(main())
