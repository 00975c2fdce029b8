"""Interrupts: recover the exception of a signal handler from the one that DuckDB raises instead.

Source: DuckDB's Python client (PyErr_CheckSignals in its scan of Python objects; the text of what a function or a stream raised)
"""

from __future__ import annotations

import re
import threading

import duckdb

_RAISED = re.compile(
    r"\AInvalid Input Error: (?:[a-z ]+ registered as '|Python exception occurred while executing the UDF: )"
    r".*\b(KeyboardInterrupt|SystemExit)(?:: *(\d*))?\s*\Z",
    re.DOTALL,
)
_INTERRUPTED = "Query interrupted"


def find_signal_exception(error: Exception) -> KeyboardInterrupt | SystemExit | None:
    """Return what a signal's handler raised, if an error of the engine stands for it; KeyboardInterrupt where a scan
    does not say which."""
    if threading.current_thread() is not threading.main_thread():
        return None  # handlers run in no other
    if not isinstance(error, duckdb.InvalidInputException):
        interrupted = type(error) is RuntimeError and str(error) == _INTERRUPTED
        return KeyboardInterrupt() if interrupted else None
    found = _RAISED.search(str(error))
    if found is None:
        return None
    return KeyboardInterrupt() if found[1] == "KeyboardInterrupt" else SystemExit(int(found[2] or 0))
