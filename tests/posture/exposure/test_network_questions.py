"""Answers of network protection: a problem outweighs what is not known, and nothing that was read is no good answer."""

from __future__ import annotations

import pytest

from nephoscope.content.loader import load_documents
from nephoscope.posture.exposure.exposure_rows import CLOSED, LIMITED, OPEN, UNKNOWN, ExposureRow
from nephoscope.posture.exposure.network_queries import (
    MACHINE,
    QUESTIONS,
    AnswerWord,
    JudgedResource,
    answer_questions,
    list_keys,
)
from nephoscope_policy.model.state import ComplianceState

NON_COMPLIANT, COMPLIANT, UNJUDGED = (
    ComplianceState.NON_COMPLIANT,
    ComplianceState.COMPLIANT,
    ComplianceState.UNKNOWN,
)
STORAGE = next(one for one in QUESTIONS if "storage accounts" in one.title)
FIRST, SECOND = sorted(STORAGE.keys)[:2]


def judged(resource: str, state: ComplianceState, key: str = FIRST) -> JudgedResource:
    return JudgedResource(f"/x/{resource}", resource, key, "a title", state, "a reason")


@pytest.mark.parametrize(
    ("several", "word", "counts"),
    [
        ([], AnswerWord.UNKNOWN, (0, 0, 0)),
        ([judged("a", COMPLIANT)], AnswerWord.GOOD, (0, 1, 0)),
        ([judged("a", COMPLIANT), judged("a", UNJUDGED, SECOND)], AnswerWord.UNKNOWN, (0, 0, 1)),
        ([judged("a", UNJUDGED), judged("b", NON_COMPLIANT)], AnswerWord.PROBLEM, (1, 0, 1)),
        ([judged("a", COMPLIANT), judged("a", NON_COMPLIANT, SECOND)], AnswerWord.PROBLEM, (1, 0, 0)),
        ([judged("a", NON_COMPLIANT), judged("a", UNJUDGED, SECOND)], AnswerWord.PROBLEM, (1, 0, 1)),
        ([judged("a", ComplianceState.EXEMPT)], AnswerWord.UNKNOWN, (0, 0, 0)),
        ([judged("a", NON_COMPLIANT, "another")], AnswerWord.UNKNOWN, (0, 0, 0)),
    ],
)
def test_an_answer_by_policies(
    several: list[JudgedResource], word: AnswerWord, counts: tuple[int, int, int]
) -> None:
    found = next(one for one in answer_questions((), several) if one.question == STORAGE.title)
    assert (found.word, (found.problems, found.good, found.unknown)) == (word, counts)
    assert len(found.evidence) == counts[0]


def row(name: str, state: str, type_: str = MACHINE, **more: str) -> ExposureRow:
    return ExposureRow(f"/x/{name}", name, type_, state, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "word", "counts"),
    [
        (
            [row("a", OPEN, ports="22"), row("a", LIMITED, ports="443"), row("b", CLOSED)],
            AnswerWord.PROBLEM,
            (1, 1, 0),
        ),
        ([row("a", CLOSED), row("b", UNKNOWN)], AnswerWord.UNKNOWN, (0, 1, 1)),
        ([row("a", OPEN, ports="22"), row("a", UNKNOWN)], AnswerWord.PROBLEM, (1, 0, 1)),
        ([row("a", CLOSED)], AnswerWord.GOOD, (0, 1, 0)),
        ([row("a", OPEN, "microsoft.storage/storageaccounts")], AnswerWord.UNKNOWN, (0, 0, 0)),
    ],
)
def test_the_answer_on_exposed_machines(
    rows: list[ExposureRow], word: AnswerWord, counts: tuple[int, int, int]
) -> None:
    found = answer_questions(rows, ())[0]
    assert (found.word, (found.problems, found.good, found.unknown)) == (word, counts)


def test_every_policy_that_answers_is_shipped() -> None:
    assert list_keys() <= {document.json()["name"] for document in load_documents(kind="policies")}
