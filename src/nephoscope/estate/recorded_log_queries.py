"""Recorded log queries: what an analyzer asked the logs and what these answered, to tell whether they would answer the same again."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import FileAggregate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from nephoscope.estate.log_queries import DeclaredReads, Logs

LogQuestion = str | FileAggregate
LogRows = list[dict[str, object]]


class NotedLogs:
    """Logs that note each question, and their answer or what they lack for one (estate.Logs)."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self.answers: dict[LogQuestion, bytes] = {}

    def aggregate(self, asked: FileAggregate, declared: DeclaredReads) -> LogRows:
        """The rows of an aggregate; see estate.Logs."""
        return self._record_answer(asked, lambda: self._logs.aggregate(asked, declared))

    def query(self, text: str, declared: DeclaredReads) -> LogRows:
        """The rows of a KQL query; see estate.Logs."""
        return self._record_answer(text, lambda: self._logs.query(text, declared))

    def read_versions(self, tables: Collection[str]) -> Mapping[str, object]:
        """The versions of tables; see estate.Logs."""
        return self._logs.read_versions(tables)

    def _record_answer(self, asked: LogQuestion, ask: Callable[[], LogRows]) -> LogRows:
        try:
            rows = ask()
        except DataNotCollectedError as gap:
            self.answers[asked] = _compute_digest([(gap.what, gap.cause)])
            raise
        if asked not in self.answers:
            self.answers[asked] = _compute_digest(rows)
        return rows


def has_same_answers(logs: Logs, declared: DeclaredReads, answers: Mapping[LogQuestion, bytes]) -> bool:
    """Return whether logs give the noted answers to the noted questions."""
    noted = NotedLogs(logs)
    for asked, answer in answers.items():
        try:
            if isinstance(asked, FileAggregate):
                noted.aggregate(asked, declared)
            else:
                noted.query(asked, declared)
        except DataNotCollectedError:
            pass
        if noted.answers[asked] != answer:
            return False
    return True


def _compute_digest(rows: Collection[object]) -> bytes:
    """Tell rows apart by what they hold, in whatever order an engine gave them."""
    return blake2b(b"".join(sorted(map(msgspec.msgpack.encode, rows))), digest_size=16).digest()
