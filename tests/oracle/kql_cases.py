"""KQL against recorded results: `python tests/oracle/kql_cases.py FOLDER [--engine E] [--file F] [--family X] [-v]`.

FOLDER holds emulator_cases.jsonl and engine_cases.jsonl (recorded from the real engine), doc_examples.jsonl (printed in documents),
loco_cases.jsonl (another engine's expectations, a hint that counts for nothing) and the CSV tables that the queries use. Compared as
kql_compare and kql_printed say. Queries run in worker processes; one that takes over --limit seconds is a miss. Records with `geo` and
records of an error (matched only by a KqlError of class invalid) have lines of their own and are no part of the last line. Misses are
counted by cause; -v prints every one. Exit 2 where matched, missed and excluded are not all lines of a file, else 1 on a miss. The
last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kql_engine
from corpus_records import Record, judged, lines
from kql_compare import TYPE_MAP, compare, recorded_result
from kql_engine import Answer
from kql_printed import compare_printed
from kql_workers import outcomes

from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser.lexer import split_words

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


def assess(file: str, record: dict[str, Any], answer: Answer | str) -> str:
    """Why an answer is not what a record wants; '' where it is."""
    return answer if isinstance(answer, str) else judged(lambda: _judge(file, record, answer))


def _judge(file: str, record: dict[str, Any], answer: Answer) -> str:
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
    records = list(lines(options.folder / f"{file}.jsonl"))
    groups: dict[str, Sum] = defaultdict(Sum)
    families: dict[str, Sum] = defaultdict(Sum)
    for one in records:
        if wrong := unasked(one):
            groups["rows"].add({"query": f"{one.place}: {one.value.get('query')}"}, wrong)
    sound = [one.value for one in records if not unasked(one)]
    chosen = [one for one in sound if options.family in (None, one.get("family"))][:: options.every]
    found = outcomes(
        [one["query"] for one in chosen],
        asker,
        (options.engine, options.folder),
        options.workers,
        options.limit,
    )
    for place, answer in sorted(found, key=lambda pair: pair[0]):
        record = chosen[place]
        why = assess(file, record, answer)
        groups[group_of(record)].add(record, why)
        if group_of(record) == "rows":
            families[record.get("family", file)].add(record, why)
    return groups, families, len(sound) - len(chosen), len(records)


def unasked(one: Record) -> str:
    """Why a record cannot be asked, '' where it can."""
    return one.wrong or ("" if isinstance(one.value.get("query"), str) else "no query")


def show(
    file: str,
    groups: dict[str, Sum],
    families: dict[str, Sum],
    verbose: bool,
    recorded: dict[str, dict[str, Any]],
) -> None:
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
        if file in FILES:
            print(f"  cause: {cause(file, record, why, recorded)}")


CHANCE = re.compile(r"\b(now|rand|new_guid|ago|dcount_hll)\s*\(|\|\s*(sample|reduce)\b")
CAUSES = (
    "documentation contradicts the recorded engine",
    "the printed columns are not those of the query",
    "the printed rows are not those of the query",
    "the answer depends on chance or on the moment of the recording",
    "the query calls a function or table that it does not define",
    "refused by name",
    "other values",
)


def cause(file: str, record: dict[str, Any], why: str, recorded: dict[str, Any]) -> str:
    """What kind of miss it is, by what the answer says and by the real engine's recording of the same query, if there is one."""
    real = recorded.get(said(record["query"]))
    if file == "doc_examples" and real and _contradicted(record, real):
        return CAUSES[0]
    if why.startswith("unsupported:"):
        return CAUSES[5]
    if why.startswith("invalid:"):
        return CAUSES[4] if re.search(r"\bis named '", why) else CAUSES[6]
    if CHANCE.search(record["query"]) and file != "doc_examples":
        return CAUSES[3]
    if file == "doc_examples" and (why.startswith("columns ") or "another width" in why):
        return CAUSES[1]
    if file == "doc_examples" and re.match(r"\d+ rows, wanted", why):
        return CAUSES[2]
    return CAUSES[6]


def _contradicted(record: dict[str, Any], real: dict[str, Any]) -> bool:
    """Whether the real engine's recording is not what is printed."""
    try:
        return bool(compare_printed(record, recorded_result(real["expected"])))
    except Exception:  # noqa: BLE001 - a runner's border: a recording that cannot be read contradicts nothing
        return False


def said(query: str) -> str:
    """The words of a query, whatever its layout and its comments; of one that has no words, the text."""
    try:
        return " ".join(token.text for token in split_words(query).tokens)
    except KqlError:
        return query


def recordings(folder: Path) -> dict[str, dict[str, Any]]:
    """The real engine's recordings by the words of their queries."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("engine_cases", "emulator_cases"):
        path = folder / f"{name}.jsonl"
        for one in lines(path) if path.is_file() else ():
            expected = one.value.get("expected")
            if not unasked(one) and isinstance(expected, dict) and "columns" in expected:
                found[said(one.value["query"])] = one.value
    return found


def show_causes(file: str, groups: dict[str, Sum], recorded: dict[str, dict[str, Any]]) -> None:
    """Print how many misses there are of each kind."""
    found = Counter(
        cause(file, record, why, recorded) for name in ("rows", "geo") for record, why in groups[name].misses
    )
    if found:
        print(f"{file}, misses by cause:")
    for name in CAUSES:
        if found[name]:
            print(f"    {found[name]:>4}  {name}")


def show_rest(rows: Sum, recorded: dict[str, dict[str, Any]]) -> None:
    """Print the sum of the printed examples without those that no engine can match: misprints, and calls of what is not there."""
    causes = Counter(cause("doc_examples", record, why, recorded) for record, why in rows.misses)
    wrong, undefined = causes[CAUSES[0]], causes[CAUSES[4]]
    rest = rows.of - wrong
    print(
        f"doc_examples, contradicted by the real engine's recording of the same query: {wrong} of the missed; without them"
    )
    print(f"    {rows.matched}/{rest} ({rows.matched / max(rest, 1):.1%})")
    print(f"doc_examples, of a function or table that the example does not define: {undefined}; without both")
    rest -= undefined
    print(f"    {rows.matched}/{rest} ({rows.matched / max(rest, 1):.1%})")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--engine", choices=["nephoscope", "spark", "witness", "empty", "error"], default="nephoscope"
    )
    parser.add_argument("--file", choices=[*FILES, *HINTS], action="append", help="only these files")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only every Kth record")
    parser.add_argument("--family", help="only records of this family")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for one query")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every disagreement")
    options = parser.parse_args()
    print(f"engine {options.engine}; types equal under {TYPE_MAP}; now() is {kql_engine.NOW:%Y-%m-%d %H:%M}Z")
    matched = total = 0
    recorded = recordings(options.folder)
    for file in options.file or [*FILES, *HINTS]:
        if not (options.folder / f"{file}.jsonl").is_file():
            continue
        groups, families, excluded, lines = run(file, options)
        show(file, groups, families, options.verbose, recorded)
        if file in FILES:
            show_causes(file, groups, recorded)
        if file == "doc_examples" and recorded:
            show_rest(groups["rows"], recorded)
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
