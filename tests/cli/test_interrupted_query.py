"""Ctrl-C and SIGTERM end a query over rows in memory as they end all else, though DuckDB raises an error of its own in their place."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from tests.running import forked_commands

from nephoscope.alerts.rules.rule_files import locate_rules_folder as shipped_rules
from nephoscope_kql.engines.interrupts import find_signal_exception

pytestmark = pytest.mark.system

#: The signal comes while the query reads the rows.
READING = """
import os
import signal
from nephoscope.cli.main import main
from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.engines.arrow_types import read_table_schema
run, running = DuckDBEngine.run, []

class Rows:
    def __init__(self, table):
        self.table = table

    def __arrow_c_schema__(self):
        return self.table.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, schema=None):
        if running:
            os.kill(os.getpid(), {NUMBER})
        return self.table.__arrow_c_stream__(schema)

def registered(self, name, table):
    table = table.rename_columns(list(read_table_schema(name, table).list_stored_names()))
    self._connection.register(name, Rows(table))

def ran(self, *arguments):
    running.append(1)
    return run(self, *arguments)

DuckDBEngine.run = ran
DuckDBEngine.register = registered
# a shell that runs tests in the background has its children ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
FUNCTION = "Invalid Input Error: Python exception occurred while executing the UDF: "
COUNTING = "Invalid Input Error: counting the rows of the object registered as 'T' failed: "


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_query_over_rows_in_memory(tmp_path: Path, number: signal.Signals, code: int) -> None:
    for file in sorted(shipped_rules().glob("StorageBlobLogs/bulk-blob-download*")):
        shutil.copy(file, tmp_path)
    child = READING.replace("{NUMBER}", str(int(number)))
    arguments = [
        sys.executable,
        "-c",
        child,
        "--data",
        str(tmp_path / "data"),
        "content",
        "test",
        str(tmp_path),
    ]
    ended = forked_commands.run(arguments, capture_output=True, text=True, timeout=300, check=False)
    told = "nephoscope: interrupted\n" if number is signal.SIGINT else ""
    assert (ended.returncode, ended.stderr) == (code, told)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (duckdb.InvalidInputException(f"{COUNTING}KeyboardInterrupt: "), KeyboardInterrupt()),
        (duckdb.InvalidInputException(f"{FUNCTION}KeyboardInterrupt: "), KeyboardInterrupt()),
        (duckdb.InvalidInputException(f"{FUNCTION}SystemExit: 143"), SystemExit(143)),
        (duckdb.InvalidInputException(f"{FUNCTION}ValueError: SystemExit: no"), None),
        (duckdb.InvalidInputException("Invalid Input Error: missing ): KeyboardInterrupt"), None),
        (duckdb.InvalidInputException("Invalid Input Error: at the end"), None),
        (RuntimeError("Query interrupted"), KeyboardInterrupt()),
        (RuntimeError("two routines are named Query interrupted"), None),
        (NotImplementedError("Query interrupted"), None),
    ],
)
def test_which_errors_stand_for_a_signal(error: Exception, wanted: BaseException | None) -> None:
    assert repr(find_signal_exception(error)) == repr(wanted)


def test_a_signal_reaches_the_main_thread_alone() -> None:
    found: list[BaseException | None] = []
    asking = threading.Thread(
        target=lambda: found.append(find_signal_exception(RuntimeError("Query interrupted")))
    )
    asking.start()
    asking.join()
    assert found == [None]
