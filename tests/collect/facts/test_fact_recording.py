"""External facts are kept: the newest report of a type holds, the same again changes nothing, what is taken back is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nephoscope.collect.facts.fact_recording import (
    FACTS_CHANGED,
    FORGOTTEN,
    record_fact_reports,
    remove_external_facts,
    settle_retractions,
)
from nephoscope.collect.facts.fact_report import FactReport
from nephoscope.collect.facts.report_errors import FactError
from nephoscope.state import State, StateError
from nephoscope.state.audit.actor import Actor
from nephoscope.state.estate import external_facts
from nephoscope.state.estate.arm_documents import REMOVED
from nephoscope.state.estate.external_facts import Receipt, RetractedFacts

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
BY = Actor("scanner", "192.0.2.1")
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
MACHINE = f"{GROUP}/providers/Microsoft.HybridCompute/machines/web01"
LATEST = f"{MACHINE}/patchAssessmentResults/latest"
PATCHES = "Microsoft.HybridCompute/machines/patchAssessmentResults"
KEY = f"{MACHINE}/providers/Microsoft.Security/assessments/f97aa83c-9b63-4f9a-99f6-b22c4398f936"
FINDING = "Microsoft.Security/assessments/subAssessments"


@pytest.fixture
def state(tmp_path: Path):
    with State.open_folder(tmp_path, "") as state:
        yield state


def report(*ids: str, hours: float = 0, note: int = 0, **more: Any) -> FactReport:
    documents = [{"id": one, "properties": {"note": note}} for one in ids]
    return msgspec.convert(
        {"resource": MACHINE, "readAt": NOON + timedelta(hours=hours), "documents": documents, **more},
        FactReport,
    )


def put(state: State, *reports: FactReport) -> dict[Receipt, int]:
    return dict(record_fact_reports(state, BY, reports, NOON + timedelta(days=9)))


def notes(state: State) -> dict[str, int]:
    return {
        body["id"].rsplit("/", 1)[-1]: body["properties"]["note"]
        for one in state.external_facts.all()
        for body in one.documents
    }


def entries(state: State) -> list[str]:
    return [one.operation for one in reversed(state.audit.entries())]


STORIES = {
    "new": ([report(LATEST)], Receipt.NEW, {"latest": 0}),
    "the same again": ([report(LATEST), report(LATEST, hours=1)], Receipt.SAME, {"latest": 0}),
    "the same at the same time": ([report(LATEST), report(LATEST)], Receipt.SAME, {"latest": 0}),
    "the same after long": ([report(LATEST), report(LATEST, hours=30)], Receipt.CHANGED, {"latest": 0}),
    "newer": ([report(LATEST), report(LATEST, hours=1, note=2)], Receipt.CHANGED, {"latest": 2}),
    "older": ([report(LATEST, note=1), report(LATEST, hours=-1)], Receipt.OUTDATED, {"latest": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_what_becomes_of_a_claim(state: State, name: str) -> None:
    reports, last, wanted = STORIES[name]
    for one in reports:
        found = put(state, one)
    assert found == {last: 1}
    assert notes(state) == wanted


def test_only_what_says_something_new_is_audited_and_judged(state: State) -> None:
    put(state, report(LATEST))
    assert entries(state) == [f"{PATCHES}/write"]
    state.checkpoints.remove(*FACTS_CHANGED)
    put(state, report(LATEST, hours=1))
    put(state, report(LATEST, hours=-1, note=3))
    assert entries(state) == [f"{PATCHES}/write"]
    assert state.checkpoints.get(*FACTS_CHANGED) is None
    put(state, report(LATEST, hours=2, note=3))
    assert entries(state) == [f"{PATCHES}/write"] * 2
    assert state.checkpoints.get(*FACTS_CHANGED) is not None


def test_a_report_that_cannot_be_kept_keeps_nothing_of_the_others(state: State) -> None:
    with pytest.raises(FactError):
        put(state, report(LATEST), report())
    assert not state.external_facts.any()
    assert entries(state) == []


def test_types_that_a_report_does_not_tell_of_stay(state: State) -> None:
    put(state, report(LATEST, MACHINE, scopes={MACHINE: [PATCHES]}))
    put(state, report(f"{KEY}/subAssessments/a", hours=1, note=1, scopes={KEY: [FINDING]}))
    put(state, report(hours=2, scopes={KEY: [FINDING]}))
    assert notes(state) == {"latest": 0, "web01": 0}
    assert [(one.type.rpartition("/")[2], one.count) for one in state.external_facts.list_summaries()] == [
        ("machines", 1), ("patchassessmentresults", 1), ("subassessments", 0),
    ]  # fmt: skip


def test_the_newest_document_of_an_id_is_given(state: State) -> None:
    put(state, report(LATEST, scopes={MACHINE: [PATCHES]}), report(LATEST, hours=1, note=7))
    assert state.external_facts.get(LATEST.lower()).documents[0]["properties"]["note"] == 7
    assert state.external_facts.get(f"{LATEST}x".lower()) is None


def test_taken_back(state: State) -> None:
    one, two = (f"{KEY}/subAssessments/{name}" for name in "ab")
    put(state, report(MACHINE, LATEST, one, two, scopes={KEY: [FINDING]}))
    assert remove_external_facts(state, BY, f"{KEY}/subAssessments/A/", NOON) == RetractedFacts(
        frozenset({one.lower()})
    )
    assert notes(state).keys() == {"web01", "latest", "b"}
    assert remove_external_facts(state, BY, one, NOON) == RetractedFacts()
    gone = remove_external_facts(state, BY, MACHINE, NOON)
    assert gone.documents == {each.lower() for each in (MACHINE, LATEST, two)}
    assert gone.claims == {
        (KEY.lower(), FINDING.lower()), (MACHINE.lower(), f"{PATCHES}/latest".lower()),
        (GROUP.lower(), "microsoft.hybridcompute/machines/web01"),
    }  # fmt: skip
    assert not state.external_facts.any()
    assert entries(state)[-2:] == [f"{FINDING}/delete", "Microsoft.HybridCompute/machines/delete"]
    assert len(state.checkpoints.all(FORGOTTEN)) == 4 + 3
    settle_retractions(state, NOON - timedelta(seconds=1))
    assert state.checkpoints.all(FORGOTTEN)
    settle_retractions(state, NOON)
    assert state.checkpoints.all(FORGOTTEN) == {}


def test_a_neighbor_of_a_longer_name_stays(state: State) -> None:
    put(state, report(MACHINE))
    record_fact_reports(
        state, BY, [msgspec.structs.replace(report(f"{MACHINE}_1"), resource=f"{MACHINE}_1")], NOON
    )
    remove_external_facts(state, BY, MACHINE, NOON)
    assert notes(state).keys() == {"web01_1"}


def test_what_was_removed_and_comes_again_is_shown(state: State) -> None:
    put(state, report(MACHINE))
    remove_external_facts(state, BY, MACHINE, NOON)
    assert state.checkpoints.all(REMOVED).keys() == {MACHINE.lower()}
    put(state, report(MACHINE, hours=3))
    assert state.checkpoints.all(REMOVED) == {}


def test_several_writers_at_once_end_with_the_newest(state: State, tmp_path: Path) -> None:
    def write(number: int) -> None:
        with State.open_folder(tmp_path, "") as own:
            put(own, report(LATEST, hours=number, note=number), report(MACHINE, hours=number, note=number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [5, 2, 7, 1, 6, 3, 4, 0]))
    assert notes(state) == {"latest": 7, "web01": 7}


def test_there_is_an_end_to_what_is_kept(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_facts, "MOST_CLAIMS", 1)
    put(state, report(MACHINE))
    with pytest.raises(StateError, match="there are 1 reported facts already"):
        put(state, report(LATEST))
    put(state, report(MACHINE, hours=1, note=1))
    assert notes(state) == {"web01": 1}


def test_they_are_read_in_batches_by_subscription(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_facts, "_BATCH", 2)
    for digit in "21":
        machine = MACHINE.replace("11111111-", f"{digit * 8}-")
        put(
            state,
            *(msgspec.structs.replace(report(f"{machine}{n}"), resource=f"{machine}{n}") for n in range(3)),
        )
    told = [(one.subscription[0], one.subject[-1]) for one in state.external_facts.all()]
    assert told == [("1", "0"), ("1", "1"), ("1", "2"), ("2", "0"), ("2", "1"), ("2", "2")]
    subscription = f"{'2' * 8}-1111-1111-1111-111111111111"
    assert len(list(state.external_facts.all({subscription}))) == 3
