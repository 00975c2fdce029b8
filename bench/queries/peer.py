"""duckdb-kql's side, in its own environment: `python peer.py WORK.json` prints milliseconds a rule, null where it was refused."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import duckdb_kql  # type: ignore[import-not-found]


def timed(rule: str, schema: dict[str, list[str]]) -> float | None:
    """Milliseconds from text to SQL."""
    began = time.perf_counter()
    try:
        duckdb_kql.to_sql(rule, schema=schema)
    except Exception:  # noqa: BLE001 - a process's border: whatever the peer raises, it has not compiled the rule
        return None
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    """Read the work, print the times."""
    work: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    schema = {name: [column for column, _ in columns] for name, columns in work["tables"].items()}
    given = [f"function {name}({parameters}) {{ {body} }}" for name, parameters, body in work["functions"]]
    accepted = []
    for one in given:
        try:
            duckdb_kql.set_functions([one])
            duckdb_kql.to_sql("print 1", schema=schema)
        except Exception:  # noqa: BLE001 - a definition that the peer cannot read is left out
            continue
        accepted.append(one)
    duckdb_kql.set_functions(accepted)
    timed("print 1", schema)
    print(json.dumps([timed(rule, schema) for rule in work["rules"]]))


if __name__ == "__main__":
    main()
