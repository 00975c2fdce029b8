"""Answers of logs that are noted: the same rows in another order are the same answer, others and a gap are not."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import DeclaredReads, FileAggregate
from nephoscope.estate.recorded_log_queries import NotedLogs, has_same_answers

DECLARED = DeclaredReads(("T",))
AGGREGATE = FileAggregate("T", "T | summarize n = count()", "Groups | summarize n = sum(n)")
ADA = {"name": "ada", "last": datetime(2026, 11, 1, tzinfo=UTC), "n": 1}
BOB = {"name": "bob", "last": None, "n": 2.5}
Rows = list[dict[str, object]]


class Answering:
    """Logs that give the same rows to every question; None = what they hold was not collected."""

    def __init__(self, rows: Rows | None) -> None:
        self.rows = rows

    def aggregate(self, asked: FileAggregate, declared: DeclaredReads) -> Rows:
        return self.query(asked.table, declared)

    def query(self, text: str, declared: DeclaredReads) -> Rows:
        if self.rows is None:
            raise DataNotCollectedError(f"rows of {text}")
        return self.rows

    def read_versions(self, tables: Collection[str]) -> dict[str, object]:
        return dict.fromkeys(tables)


def noted(rows: Rows | None) -> NotedLogs:
    """Logs that were asked an aggregate and a query."""
    logs = NotedLogs(Answering(rows))
    for ask in (lambda: logs.aggregate(AGGREGATE, DECLARED), lambda: logs.query("T | take 1", DECLARED)):
        if rows is None:
            with pytest.raises(DataNotCollectedError):
                ask()
        else:
            assert ask() == rows
    return logs


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ([ADA, BOB], [ADA, BOB], True),
        ([ADA, BOB], [BOB, ADA], True),
        ([ADA, BOB], [ADA], False),
        ([ADA, BOB], [ADA, BOB, BOB], False),
        ([ADA], [{**ADA, "n": 2}], False),
        ([ADA], [{**ADA, "last": datetime(2026, 11, 2, tzinfo=UTC)}], False),
        ([], None, False),
        (None, [], False),
        (None, None, True),
    ],
)
def test_whether_logs_answer_the_same(before: Rows | None, now: Rows | None, same: bool) -> None:
    assert has_same_answers(Answering(now), DECLARED, noted(before).answers) is same


def test_nothing_that_was_asked_is_answered_the_same() -> None:
    assert has_same_answers(Answering([ADA]), DECLARED, {})
