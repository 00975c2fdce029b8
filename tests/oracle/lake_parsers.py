"""ASIM's parsers over rows of the log formats: `python tests/oracle/lake_parsers.py CORPUS [-v]`.

CORPUS holds azure-sentinel/. The samples of the formats (tests/ingest/logs/cases) are read into the lake's tables, and every ASIM
parser that can be called without arguments is run over them. A parser counts whose tables and functions are all there: it must run.
Prints the parsers that find rows in the samples, and what fails; the last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from corpus_records import raised
from kql_rule_files import functions

import nephoscope_kql as kql
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.catalog import StoredFunction
from nephoscope_kql.errors import KqlError

CASES = Path(__file__).parents[1] / "ingest/logs/cases"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PARSERS = re.compile(r"(?:ASim|vim)[A-Z]")
#: What the corpus itself has not: a table of a vendor, a function of the workspace.
ABSENT = re.compile(r"no (?:table, function or variable|function that takes rows) is named '\w+'")


def sample_rows() -> dict[str, list[dict[str, Any]]]:
    """The rows that the samples give, by table."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for sample in sorted(CASES.glob("*/*.in")):
        if sample.with_suffix(".context.json").exists():
            continue
        stream = io.BytesIO(sample.read_bytes())
        for batch in read_batches(stream, load_formats(), StreamContext(source=sample.name, now=NOW)):
            for table, placed in batch.rows.items():
                found[table] += [one.row.values for one in placed]
    return found


def arrow(table: LakeTable, rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as the lake stores them, with the types that a query sees."""
    made = to_arrow_rows(table, rows, workspace=Workspace.from_name("default"), now=NOW).table
    fields = [
        field.with_metadata({b"kql.type": table.types[field.name].value.encode()}) for field in made.schema
    ]
    return made.cast(pa.schema(fields))


def run(name: str, tables: dict[str, pa.Table], stored: list[StoredFunction]) -> tuple[int, str]:
    """How many rows a parser finds, and why it does not run ('' = it runs)."""
    try:
        return kql.run(f"{name} | take 1000", tables, now=NOW, functions=stored, timeout=120).num_rows, ""
    except KqlError as error:
        return 0, str(error)
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a parser is a miss, and is shown
        return 0, raised(error)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print also the parsers that cannot count"
    )
    options = parser.parse_args()
    rows = sample_rows()
    tables = {table.name: arrow(table, rows.get(table.name, [])) for table in Tables.builtin()}
    stored = [StoredFunction(name, body, parameters) for name, parameters, body in functions(options.corpus)]
    names = sorted({function.name for function in stored if PARSERS.match(function.name)})
    outcomes = {name: run(name, tables, stored) for name in names}
    counted = {name: one for name, one in outcomes.items() if not ABSENT.search(one[1])}
    if not counted:
        print("no parsers", file=sys.stderr)
        return 2
    for name, (_, why) in outcomes.items():
        if why and (name in counted or options.verbose):
            print(f"{name}: {why.splitlines()[0][:200]}")
    found = [f"{name} {count}" for name, (count, _) in counted.items() if count]
    print(f"{len(found)} parsers find rows in the samples: {', '.join(found)}")
    print(f"{len(outcomes) - len(counted)} of {len(outcomes)} parsers need what the corpus has not")
    matched = sum(not why for _, why in counted.values())
    print(f"{matched}/{len(counted)} match")
    return 0 if matched == len(counted) else 1


if __name__ == "__main__":
    sys.exit(main())
