"""Threat intelligence is kept once a source: in its newest version, its rows with it; over, taken back, written again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.ingest.threat_intelligence.indicator import Retraction, read_item
from nephoscope.ingest.threat_intelligence.indicator_store import (
    keep_indicators,
    refresh_indicators,
    withdraw_indicators,
)
from nephoscope.ingest.threat_intelligence.version_merge import IntelCounts
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import State, StateError

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
ID = "indicator--11111111-1111-4111-8111-111111111111"
LATEST = (
    "ThreatIntelIndicators | summarize arg_max(TimeGenerated, IsActive, IsDeleted) by Id, ObservableValue"
    " | project ObservableValue, IsActive, IsDeleted | order by ObservableValue asc"
)


def indicator(**changes: Any):
    document = {
        "type": "indicator",
        "id": ID,
        "pattern": "[ipv4-addr:value = '198.51.100.1']",
        "created": "2026-01-01T00:00:00Z",
        "modified": "2026-01-02T00:00:00Z",
        **changes,
    }
    return read_item(document, NOW)


def rows(lake: Lake, state: State, text: str = LATEST) -> list[tuple[Any, ...]]:
    deliver_outbox(lake, state)
    lake.flush()
    return [tuple(row.values()) for row in lake.query(text)[-1].table.to_pylist()]


def test_the_same_again_adds_nothing_and_a_newer_version_replaces(lake: Lake, state: State) -> None:
    two = "[ipv4-addr:value = '198.51.100.1' OR ipv4-addr:value = '198.51.100.2']"
    assert keep_indicators(state, "default", "s", [indicator(pattern=two)], NOW) == IntelCounts(new=1)
    assert keep_indicators(state, "default", "s", [indicator(pattern=two)], NOW + DAY) == IntelCounts(known=1)
    assert rows(lake, state) == [("198.51.100.1", True, False), ("198.51.100.2", True, False)]
    newer = indicator(modified="2026-01-03T00:00:00Z")
    assert keep_indicators(state, "default", "s", [newer], NOW + timedelta(minutes=1)) == IntelCounts(
        changed=1
    )
    assert keep_indicators(state, "default", "s", [indicator(pattern=two)], NOW) == IntelCounts(older=1)
    assert rows(lake, state) == [("198.51.100.1", True, False), ("198.51.100.2", False, True)]
    assert rows(lake, state, "ThreatIntelIndicators | count") == [(4,)]
    older = "ThreatIntelligenceIndicator | summarize arg_max(TimeGenerated, *) by IndicatorId | project NetworkIP, Active"
    assert sorted(rows(lake, state, older)) == [("198.51.100.1", True), ("198.51.100.2", False)]


def test_versions_within_one_batch_are_taken_in_their_order(lake: Lake, state: State) -> None:
    several = [indicator(), indicator(modified="2026-01-03T00:00:00Z", revoked=True), indicator()]
    assert keep_indicators(state, "default", "s", several, NOW) == IntelCounts(new=1, changed=1, older=1)
    assert rows(lake, state) == [("198.51.100.1", False, False)]


def test_what_is_over_is_said_once_and_what_holds_is_written_again(lake: Lake, state: State) -> None:
    keep_indicators(state, "default", "s", [indicator(valid_until=(NOW + 3 * DAY).isoformat())], NOW - DAY)
    assert refresh_indicators(state, "default", NOW) == 0
    assert rows(lake, state) == [("198.51.100.1", True, False)]
    assert refresh_indicators(state, "default", NOW + 4 * DAY) == 1
    assert refresh_indicators(state, "default", NOW + 20 * DAY) == 0
    assert state.intel.get("default", ID).active is False
    forever = indicator(id=ID[:-1] + "2")
    keep_indicators(state, "default", "s", [forever], NOW - 8 * DAY)
    assert [refresh_indicators(state, "default", NOW) for _ in range(2)] == [1, 0]
    assert rows(
        lake,
        state,
        f"ThreatIntelIndicators | where Id == '{forever.id}' | summarize count(), countif(IsActive)",
    ) == [(2, 2)]


def test_what_is_taken_back_stays_so_whatever_its_source_says(lake: Lake, state: State) -> None:
    keep_indicators(state, "default", "s", [indicator()], NOW)
    withdraw_indicators(state, "default", [ID], "kim", NOW + timedelta(seconds=1))
    keep_indicators(
        state, "default", "s", [indicator(modified="2026-01-03T00:00:00Z")], NOW + timedelta(seconds=2)
    )
    assert rows(lake, state) == [("198.51.100.1", False, True)]
    assert withdraw_indicators(state, "default", [ID], "", NOW + timedelta(seconds=3))[0].active
    assert rows(lake, state) == [("198.51.100.1", True, False)]
    with pytest.raises(StateError, match="threat intelligence 'x' not found"):
        withdraw_indicators(state, "default", ["x"], "kim", NOW)


def test_everything_that_is_observed_is_found_by_its_value(state: State) -> None:
    keep_indicators(
        state, "default", "s", [indicator(pattern="[domain-name:value IN ('A.example', 'b_.example')]")], NOW
    )
    found = {
        value: len(state.intel.list_newest("default", value=value))
        for value in ("a.EXAMPLE", "b_.example", "bx.example", "example")
    }
    assert found == {"a.EXAMPLE": 1, "b_.example": 1, "bx.example": 0, "example": 0}


def test_no_source_replaces_or_revokes_what_another_said(lake: Lake, state: State) -> None:
    keep_indicators(state, "default", "trusted", [indicator()], NOW - timedelta(minutes=5))
    forged = indicator(modified="2026-02-01T00:00:00Z", revoked=True)
    assert keep_indicators(state, "default", "pastebin", [forged], NOW) == IntelCounts(new=1, elsewhere=1)
    assert keep_indicators(state, "default", "pastebin", [forged], NOW) == IntelCounts(known=1)
    later = indicator(
        modified="2026-02-02T00:00:00Z", revoked=True, pattern="[domain-name:value = 'x.example']"
    )
    assert keep_indicators(state, "default", "pastebin", [later], NOW + DAY) == IntelCounts(changed=1)
    assert state.intel.get("default", ID).active
    assert [(one.source, one.stix, one.active) for one in state.intel.list_newest("default", inactive=True)] == [
        ("pastebin", ID, False), ("trusted", ID, True),
    ]  # fmt: skip
    # rules take the newest row of an id: none of the other's rows may be that
    newest = "ThreatIntelIndicators | summarize arg_max(TimeGenerated, *) by Id | where IsActive | project Id, SourceSystem"
    assert rows(lake, state, newest) == [(ID, "trusted")]
    older = (
        newest.replace("Indicators", "ligenceIndicator")
        .replace("IsActive", "Active")
        .replace("by Id", "by IndicatorId")
    )
    assert rows(lake, state, older.replace("project Id", "project IndicatorId")) == [(ID, "trusted")]
    again = indicator(modified="2026-01-03T00:00:00Z", revoked=True)
    assert keep_indicators(state, "default", "trusted", [again], NOW + DAY) == IntelCounts(changed=1)
    assert not state.intel.get("default", ID).active


def test_who_was_first_keeps_nobody_out(state: State) -> None:
    decoy = indicator(
        pattern="[domain-name:value = 'harmless.example']", revoked=True, modified="2026-09-09T00:00:00Z"
    )
    keep_indicators(state, "default", "pastebin", [decoy], NOW)
    assert keep_indicators(state, "default", "trusted", [indicator()], NOW) == IntelCounts(new=1, elsewhere=1)
    (held,) = state.intel.list_newest("default")
    assert (held.source, held.stix, held.observables[0][1]) == ("trusted", ID, "198.51.100.1")
    assert held.id != ID
    # nor does an object of the id that the other one goes by here
    grabbed = indicator(id=held.id, revoked=True, modified="2026-09-10T00:00:00Z")
    assert keep_indicators(state, "default", "pastebin", [grabbed], NOW) == IntelCounts(new=1, elsewhere=1)
    assert state.intel.get("default", held.id) == held
    assert keep_indicators(
        state, "default", "trusted", [indicator(modified="2026-01-04T00:00:00Z")], NOW
    ) == IntelCounts(changed=1)
    assert withdraw_indicators(state, "default", [held.id], "kim", NOW)[0].source == "trusted"


@pytest.mark.parametrize("maker", [None, "identity--22222222-2222-4222-8222-222222222222"])
@pytest.mark.parametrize("other", [None, "identity--33333333-3333-4333-8333-333333333333"])
def test_within_a_source_only_the_creator_changes_an_object(
    state: State, maker: str | None, other: str | None
) -> None:
    keep_indicators(state, "default", "s", [indicator(created_by_ref=maker)], NOW)
    newer = indicator(created_by_ref=other, modified="2026-01-03T00:00:00Z", revoked=True)
    kept = keep_indicators(state, "default", "s", [newer], NOW)
    assert (kept.changed, len(kept.refused)) == ((1, 0) if maker == other else (0, 1))
    assert state.intel.get("default", ID).active == (maker != other)
    if kept.refused:
        assert kept.refused[0].place == ID
        assert (
            f"a version of {other or 'nobody'}, but the object is one of {maker or 'nobody'}"
            in kept.refused[0].reason
        )
        assert keep_indicators(state, "default", "s", [newer], NOW, by_hand=True) == IntelCounts(changed=1)


def test_what_a_source_no_longer_says_holds_no_more(lake: Lake, state: State) -> None:
    modified = read_item(indicator().document, NOW).modified
    assert keep_indicators(state, "default", "s", [Retraction(ID, modified)], NOW) == IntelCounts()
    assert state.intel.get("default", ID) is None
    keep_indicators(state, "default", "s", [indicator()], NOW)
    assert keep_indicators(state, "default", "other", [Retraction(ID, modified + DAY)], NOW) == IntelCounts()
    assert keep_indicators(state, "default", "s", [Retraction(ID, modified - DAY)], NOW) == IntelCounts(
        older=1
    )
    assert rows(lake, state) == [("198.51.100.1", True, False)]
    later = NOW + timedelta(minutes=1)
    assert keep_indicators(state, "default", "s", [Retraction(ID, modified)], later) == IntelCounts(changed=1)
    assert keep_indicators(state, "default", "s", [Retraction(ID, modified)], later) == IntelCounts()
    assert rows(lake, state) == [("198.51.100.1", False, False)]
    assert state.intel.get("default", ID).document["revoked"] is True
    assert keep_indicators(
        state, "default", "s", [indicator(modified="2026-01-05T00:00:00Z")], later + DAY
    ) == IntelCounts(changed=1)
    assert state.intel.get("default", ID).active
