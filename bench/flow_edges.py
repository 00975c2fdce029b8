"""Edges of flow logs: KQL over Parquet files beside plain DuckDB SQL: `python bench/flow_edges.py --rows 100000000`.

Each side runs in a process of its own with 2 threads and DuckDB's memory limited to 1,200 MB. The processor seconds and the peak of
resident memory are those of the process. The rows are generated: half a million edges, and 2 % of rows that are edges of their own.
Where plain SQL runs out of this memory, it gets four times as much, which is printed; the seconds are those of the run that ended.
`--folder` keeps the rows, and finds those that are there.
Exit 1 where the edges differ, memory exceeds 2 GB, or KQL takes more than 1.5 times the processor seconds of SQL.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAYS, EDGES, MEMORY, THREADS = 30, 500_000, "1200MB", 2
MORE_MEMORY = "4800MB"
MOST_BYTES, MOST_RATIO = 2 << 30, 1.5
KQL = """AzureFlowLogs
| where FlowStatus =~ 'Allowed' and Protocol in (6, 17)
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Flows = count(), Bytes = sum(BytesSrcToDest + BytesDestToSrc),
    Days = dcount(bin(TimeGenerated, 1d)) by SrcIp, DestIp, DestPort, Protocol
| summarize Edges = count(), Flows = sum(Flows), Bytes = sum(Bytes), Days = sum(Days), New = countif(First >= datetime(2026-05-31))"""
SQL = """WITH edges AS (
  SELECT min(TimeGenerated) AS first, max(TimeGenerated) AS last, count(*) AS flows, sum(BytesSrcToDest + BytesDestToSrc) AS bytes,
    count(DISTINCT date_trunc('day', TimeGenerated)) AS days
  FROM read_parquet($files) WHERE lower(FlowStatus) = 'allowed' AND Protocol IN (6, 17)
  GROUP BY SrcIp, DestIp, DestPort, Protocol)
SELECT count(*), sum(flows)::BIGINT, sum(bytes)::BIGINT, sum(days)::BIGINT,
  count(*) FILTER (first >= TIMESTAMPTZ '2026-05-31 00:00:00+00')
FROM edges"""


def generate(folder: Path, rows: int) -> list[Path]:
    """Write the rows of each day to a file; the same rows for the same number."""
    connection = duckdb.connect()
    _limit(connection, folder)
    each, paths = rows // DAYS, []
    for day in range(DAYS):
        path = folder / f"{day:02}.parquet"
        connection.execute(f"""COPY (
          SELECT TIMESTAMPTZ '2026-05-02 00:00:00+00' + INTERVAL ({day}) DAY + INTERVAL (i % 86400) SECOND AS TimeGenerated,
            CASE WHEN h % 10 < 8 THEN format('10.0.{{}}.{{}}', (h // 10) % 40, (h // 400) % 250)
              ELSE format('{{}}.{{}}.{{}}.{{}}', 20 + h % 180, (h // 7) % 256, (h // 1792) % 64, 1 + (h // 90000) % 250) END AS SrcIp,
            format('10.0.{{}}.{{}}', (h // 3) % 8, (h // 11) % 40) AS DestIp, (1024 + h % 60000)::INT AS SrcPort,
            [22, 53, 80, 443, 1433, 3389, 5432, 8443][1 + (h // 13) % 8]::INT AS DestPort,
            CASE WHEN h % 5 = 0 THEN 17 ELSE 6 END::INT AS Protocol,
            CASE WHEN h % 10 = 9 THEN 'Denied' ELSE 'Allowed' END AS FlowStatus, (h % 9000)::BIGINT AS BytesSrcToDest,
            (h % 70000)::BIGINT AS BytesDestToSrc
          FROM (SELECT i, (CASE WHEN r % 50 = 0 THEN r ELSE hash(r % {EDGES}) >> 8 END)::BIGINT AS h
            FROM (SELECT i, (hash(i + {day * each}) >> 8) AS r FROM range({each}) t(i)))
        ) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 500000)""")
        paths.append(path)
    return paths


def _limit(connection: duckdb.DuckDBPyConnection, folder: Path, memory: str = MEMORY) -> None:
    connection.execute(f"SET threads={THREADS}; SET memory_limit='{memory}'; SET TimeZone='UTC'")
    connection.execute(f"SET temp_directory='{folder / 'spill'}'")


def answer_kql(paths: list[Path]) -> list[int]:
    """Answer by the product's engine."""
    from nephoscope.lake.query_engine import EngineLimits, EngineRows, open_engine
    from nephoscope_kql.catalog import MemoryCatalog
    from nephoscope_kql.compile import compile_query
    from nephoscope_kql.engines.parquet import read_files_schema

    compiled = compile_query(
        KQL, MemoryCatalog({"AzureFlowLogs": read_files_schema("AzureFlowLogs", paths)}), now=NOW
    )
    rows = EngineRows(files={"AzureFlowLogs": paths})
    with open_engine(rows, EngineLimits(memory=MEMORY, threads=THREADS)) as engine:
        return list(engine.run(compiled).to_pylist()[0].values())


def answer_sql(paths: list[Path], memory: str = MEMORY) -> list[int]:
    """Answer by DuckDB alone."""
    with duckdb.connect() as connection:
        _limit(connection, paths[0].parent, memory)
        found = connection.execute(SQL, {"files": [str(one) for one in paths]}).fetchone()
    assert found is not None
    return list(found)


def answer_sql_with_more(paths: list[Path]) -> list[int]:
    """Answer by DuckDB alone, with four times the memory."""
    return answer_sql(paths, MORE_MEMORY)


SIDES = {"kql": answer_kql, "sql": answer_sql, "sql-with-more": answer_sql_with_more}


def measure(how: str, folder: Path) -> dict[str, object]:
    """Run one side in a process of its own; SQL that runs out of memory again with more."""
    command = [sys.executable, __file__, "--side", how, "--folder", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if how == "sql" and done.returncode and "OutOfMemoryException" in done.stderr:
        print(f"sql: out of memory at {MEMORY}")
        return measure("sql-with-more", folder)
    if done.returncode:
        raise SystemExit(f"{how}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Generate, measure both sides, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.side:
        paths = sorted(options.folder.glob("*.parquet"))
        answer = SIDES[options.side](paths)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(
            json.dumps(
                {"answer": answer, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}
            )
        )
        return 0
    with tempfile.TemporaryDirectory(prefix="flow-edges-") as place:
        folder = options.folder or Path(place)
        if not list(folder.glob("*.parquet")):
            generate(folder, options.rows)
        sides = {how: measure(how, folder) for how in ("kql", "sql")}
    for how, one in sides.items():
        print(
            f"{how}: {one['cpu']:.1f} CPU s, {int(str(one['peak'])) / 2**20:,.0f} MB, edges, flows, bytes, days, new: {one['answer']}"
        )
    ratio = float(str(sides["kql"]["cpu"])) / float(str(sides["sql"]["cpu"]))
    print(f"flow_edges: {options.rows:,} rows, {ratio:.2f} times the CPU seconds of SQL")
    equal = sides["kql"]["answer"] == sides["sql"]["answer"]
    return 0 if equal and ratio <= MOST_RATIO and int(str(sides["kql"]["peak"])) <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
