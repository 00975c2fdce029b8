"""Microsoft's analyzer of KQL in one node process: the type that it gives an expression, or why it refuses it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expression_groups import TABLE, Group

PACKAGE = Path(sys.prefix) / "node" / "node_modules" / "@kusto" / "language-service-next"
WORKER = Path(__file__).with_name("worker.js")
TOGETHER = 100
"""How many expressions one query asks for: a query costs milliseconds whatever is in it."""


class FellError(Exception):
    """The analyzer itself fell over."""


@dataclass(frozen=True)
class Verdict:
    """What is said of an expression: its type, or why it is refused."""

    type: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Analyzer:
    """A running worker."""

    process: subprocess.Popen[str]

    def analyzed(self, query: str) -> tuple[dict[str, str], list[tuple[int, str]]]:
        """The types of a query's columns by name, and its errors (offset, message)."""
        answer = self._answer(query)
        return dict(reversed(answer["columns"])), [(at, text) for at, text in answer["errors"]]

    def names(self, query: str) -> list[str] | None:
        """The names of a query's columns; None where it has errors."""
        answer = self._answer(query)
        return None if answer["errors"] else [name for name, _ in answer["columns"]]

    def _answer(self, query: str) -> dict[str, Any]:
        sent, received = self.process.stdin, self.process.stdout
        assert sent is not None
        assert received is not None
        sent.write(json.dumps(query) + "\n")
        sent.flush()
        answer = json.loads(received.readline())
        if "failed" in answer:
            raise FellError(answer["failed"])
        return dict(answer)

    def verdicts(self, group: Group, texts: Sequence[str]) -> Iterator[Verdict | None]:
        """What is said of each text of a group; None where the analyzer falls over."""
        if not group.start:
            yield from map(self._query, texts)
            return
        for at in range(0, len(texts), TOGETHER):
            yield from self._together(f"{TABLE} | {group.start}", texts[at : at + TOGETHER])

    def _query(self, text: str) -> Verdict | None:
        try:
            columns, errors = self.analyzed(f"let T = {TABLE}; {text}")
        except FellError:
            return None
        return Verdict(refused=errors[0][1]) if errors else Verdict(columns.get("x", "unknown"))

    def _together(self, start: str, texts: Sequence[str]) -> Iterator[Verdict | None]:
        ends, query = [], start
        for place, text in enumerate(texts):
            query += f"{',' if place else ''}x{place}={text}"
            ends.append(len(query))
        try:
            columns, errors = self.analyzed(query)
        except FellError:
            middle = len(texts) // 2
            halves = (texts[:middle], texts[middle:]) if middle else ()
            for half in halves:
                yield from self._together(start, half)
            yield from () if halves else (None,)
            return
        wrong = {min(bisect_right(ends, offset), len(ends) - 1): text for offset, text in errors}
        for place in range(len(texts)):
            yield Verdict(refused=wrong[place]) if place in wrong else Verdict(columns[f"x{place}"])


@contextmanager
def analyzer() -> Iterator[Analyzer]:
    """A worker for as long as it is used."""
    node = shutil.which("node")
    assert node is not None, "make setup-dev installs node"
    assert PACKAGE.is_dir(), f"make setup-dev installs the analyzer: no {PACKAGE}"
    command = [node, str(WORKER), str(PACKAGE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Analyzer(process)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=60)
