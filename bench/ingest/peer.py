"""The peer: DuckDB reads the same file by read_json and writes Parquet, on one thread."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

_VNET = """
WITH r AS (SELECT macAddress, targetResourceID, flowLogResourceID, unnest(flowRecords.flows) AS f FROM read_json('{file}',
  format='newline_delimited', columns={{macAddress:'VARCHAR', targetResourceID:'VARCHAR', flowLogResourceID:'VARCHAR',
  flowRecords:'STRUCT(flows STRUCT(aclID VARCHAR, flowGroups STRUCT(rule VARCHAR, flowTuples VARCHAR[])[])[])'}})),
g AS (SELECT * EXCLUDE f, f.aclID AS acl, unnest(f.flowGroups) AS g FROM r),
t AS (SELECT * EXCLUDE g, g.rule AS rule, string_split(unnest(g.flowTuples), ',') AS p FROM g)
SELECT make_timestamp(p[1]::BIGINT * 1000) AS at, p[2] AS src, p[3] AS dest, p[4]::INT AS sport, p[5]::INT AS dport,
  p[6]::INT AS proto,
  p[7] AS direction, p[8] AS state, p[9] AS encryption, p[10]::BIGINT AS c1, p[11]::BIGINT AS c2, p[12]::BIGINT AS c3,
  p[13]::BIGINT AS c4, * EXCLUDE p FROM t
"""
_NSG = """
WITH r AS (SELECT resourceId, unnest(properties.flows) AS f FROM read_json('{file}', format='newline_delimited', columns={{
  resourceId:'VARCHAR', properties:'STRUCT(flows STRUCT(rule VARCHAR, flows STRUCT(mac VARCHAR, flowTuples VARCHAR[])[])[])'}})),
g AS (SELECT resourceId, f.rule AS rule, unnest(f.flows) AS g FROM r),
t AS (SELECT * EXCLUDE g, g.mac AS mac, string_split(unnest(g.flowTuples), ',') AS p FROM g)
SELECT make_timestamp(p[1]::BIGINT * 1000000) AS at, p[2] AS src, p[3] AS dest, p[4]::INT AS sport, p[5]::INT AS dport, p[6] AS proto,
  p[7] AS direction, p[8] AS decision, p[9] AS state, p[10]::BIGINT AS c1, p[11]::BIGINT AS c2, p[12]::BIGINT AS c3,
  p[13]::BIGINT AS c4, * EXCLUDE p FROM t
"""
_ANY = "SELECT * FROM read_json('{file}', format='newline_delimited', union_by_name=true, maximum_object_size=67108864)"


def to_parquet(name: str, file: Path, out: Path) -> tuple[int, float]:
    """Rows and CPU seconds of DuckDB, from the file to Parquet (zstd); (0, 0) where it refuses the file."""
    text = {"vnet-flow": _VNET, "nsg-flow": _NSG}.get(name, _ANY).format(file=file)
    with duckdb.connect(config={"threads": 1}) as connection:
        began = time.process_time()
        try:
            found = connection.execute(
                f"COPY ({text}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)"
            ).fetchone()
        except duckdb.Error as error:
            print(f"  duckdb: {str(error).splitlines()[0]}")
            return 0, 0.0
        return int(found[0]) if found else 0, time.process_time() - began
