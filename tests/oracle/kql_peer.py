"""duckdb-kql beside nephoscope: a virtual environment for it alone, a process that answers, and its cells read strictly."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kql_compare import Result, compare_rows
from rowwise_values import parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
HOME = HERE.parents[1] / ".nephoscope/peers/duckdb-kql"
WANTED = ("duckdb-kql[duckdb]==1.1.2", "pyarrow")
"""The version that reference figures were measured with."""
PATIENCE = 20.0


def prepared() -> bool:
    """Make the environment where it is missing; whether it is there (a machine without a package index cannot make it)."""
    python = HOME / "bin/python"
    if (HOME / ".ready").is_file():
        return True
    made = subprocess.run([sys.executable, "-m", "venv", str(HOME)], capture_output=True, check=False)
    if made.returncode:
        return False
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *WANTED]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return False
    (HOME / ".ready").touch()
    return True


class Peer:
    """A process of the peer; one that takes too long is ended and started anew."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def ask(self, query: str, tables: Mapping[str, Result], now: str) -> dict[str, Any]:
        """The peer's answer to a query over tables."""
        job = {
            "query": query,
            "now": now,
            "tables": {
                name: {"columns": table.columns, "rows": table.rows} for name, table in tables.items()
            },
        }
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
            line = process.stdout.readline() if ready else ""
        except BrokenPipeError:
            line = ""
        if not line:
            self.end()
            return {"failed": "no answer in time"}
        return dict(json.loads(line))

    def _running(self) -> subprocess.Popen[str]:
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [str(HOME / "bin/python"), str(HERE / "kql_peer_worker.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self.process

    def end(self) -> None:
        """Stop the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def difference(answer: Mapping[str, Any], ours: Result, query: str) -> str:
    """`cause: detail` where the peer's rows are not ours, '' where they are; types are compared through the cells."""
    names = [name for name, _ in ours.columns]
    if answer["columns"] != names:
        extra = [name for name in answer["columns"] if name not in names]
        missing = [name for name in names if name not in answer["columns"]]
        return f"columns: it has {extra[:6]}, lacks {missing[:6]}"
    kinds = [kind for _, kind in ours.columns]
    rows = [tuple(read(kind, one) for kind, one in zip(kinds, row, strict=True)) for row in answer["rows"]]
    if len(rows) != len(ours.rows):
        return f"number of rows: {len(rows)}, ours {len(ours.rows)}"
    strict = compare_rows(ours, rows, query)
    return f"{cause(ours, rows, kinds, query)}: {strict}" if strict else ""


def cause(ours: Result, rows: list[tuple[Any, ...]], kinds: list[str], query: str) -> str:
    """Which loosening makes rows equal that are not: texts that are null, the order inside arrays, or both."""

    def filled(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            "" if cell is None and kind == "string" else cell for cell, kind in zip(row, kinds, strict=True)
        )

    def unordered(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(sorted(cell, key=repr) if isinstance(cell, list) else cell for cell in row)

    loosened = Result(ours.columns, tuple(map(unordered, ours.rows)))
    if not compare_rows(ours, list(map(filled, rows)), query):
        return "null for ''"
    if not compare_rows(loosened, list(map(unordered, rows)), query):
        return "order inside an array"
    if not compare_rows(loosened, [unordered(filled(row)) for row in rows], query):
        return "null for '' and order inside an array"
    return "other cells"


def read(kind: str, cell: Any) -> Any:
    """A cell of the peer as a cell of a column of our type; what is of another type stays so."""
    if isinstance(cell, dict):
        ((form, value),) = cell.items()
        if form == "ticks":
            return value
        if form == "decimal":
            return Decimal(value) if kind == "decimal" else float(value) if kind == "real" else value
        if form == "real":
            return float(value)
        inside = [read("dynamic", one) for one in value] if form == "list" else None
        return inside if inside is not None else {key: read("dynamic", one) for key, one in value.items()}
    if kind == "dynamic" and isinstance(cell, str):
        return parsed(cell)
    if kind == "real" and isinstance(cell, int) and not isinstance(cell, bool):
        return float(cell)
    return cell
