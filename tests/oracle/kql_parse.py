"""Parse every query of the corpora: `python tests/oracle/kql_parse.py ../shared/corpora [-v]`.

Rules, hunting queries and parsers of CORPUS/azure-sentinel (YAML) and the queries of CORPUS/kql/*.jsonl; a match is a query that
parses. Queries whose recorded expectation is an error are a line of their own: many of them are well formed, only their meaning is
wrong. Exit 2 where a file cannot be read or the sum is not the number of queries.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from corpus_records import lines, raised

from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = ("query", "ParserQuery", "FunctionQuery")


@dataclass(frozen=True)
class Case:
    """A query, where it is, and whether the record says that it is refused."""

    group: str
    place: str
    text: Any
    refused: bool = False
    wrong: str = ""


def cases(corpus: Path) -> Iterator[Case]:
    """All queries below a folder of the corpora's shape."""
    for path in sorted((corpus / "azure-sentinel").rglob("*.yaml")):
        place = str(path.relative_to(corpus))
        try:
            document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=yaml.CSafeLoader)
            found = {field: document[field] for field in FIELDS if field in document}
        except (yaml.YAMLError, ValueError, TypeError) as error:
            yield Case("azure-sentinel files", place, None, wrong=raised(error))
            continue
        for field, text in found.items():
            yield Case(f"azure-sentinel {field}", place, text)
    for path in sorted((corpus / "kql").glob("*.jsonl")):
        for one in lines(path):
            expected = one.value.get("expected")
            refused = isinstance(expected, dict) and bool(expected.get("error"))
            if "query" in one.value or one.wrong:
                yield Case(f"kql/{path.name}", f"kql/{one.place}", one.value.get("query"), refused, one.wrong)


def refusal(case: Case) -> str:
    """Why a query does not parse, with its place; '' where it does. Any other exception than the parser's is a miss too."""
    if case.wrong:
        return case.wrong
    try:
        parse(case.text)
    except KqlError as error:
        return f"{error}\n{error.format_caret(case.text)}"
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a query is a miss, and is shown
        return raised(error)
    return ""


def main() -> int:
    """Count by group, print what does not parse with -v."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("-v", "--verbose", action="store_true")
    options = arguments.parse_args()
    counts: dict[str, list[int]] = {}
    slowest, begun, seen = 0.0, time.perf_counter(), 0
    for case in cases(options.corpus):
        started = time.perf_counter()
        error = refusal(case)
        slowest, seen = max(slowest, time.perf_counter() - started), seen + 1
        group = f"{case.group} (recorded errors)" if case.refused else case.group
        count = counts.setdefault(group, [0, 0])
        count[0] += not error
        count[1] += 1
        if error and options.verbose and not case.refused:
            print(f"{case.place}: {error}\n")
    if not seen:
        print(f"no queries below {options.corpus}", file=sys.stderr)
        return 2
    for group, (parsed, total) in counts.items():
        print(f"{group:<48}{parsed:>6} of {total:>5} parse")
    seconds = time.perf_counter() - begun
    print(f"{seen} queries read and parsed in {seconds:.1f} s, the slowest in {slowest * 1000:.0f} ms")
    valid = [count for group, count in counts.items() if not group.endswith("(recorded errors)")]
    matched, total = sum(count[0] for count in valid), sum(count[1] for count in valid)
    print(f"{matched}/{total} match")
    return 0 if matched == total else 1


if __name__ == "__main__":
    sys.exit(main())
