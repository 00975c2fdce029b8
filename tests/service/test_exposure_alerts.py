"""Exposure that widened: a row for each change, once, with who may have made it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.service.inventory_house import House

from nephoscope.posture.changes.change_attribution import ChangeCandidate
from nephoscope.posture.changes.exposure_changes import ExposureCause, ExposureChange
from nephoscope.posture.exposure.opening_changes import OpeningChange
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document_listing import PAGE
from nephoscope.posture.published.exposure_changes import TenantExposureChange, documents
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.service.exposure_alerts import NOTED, TABLE, note_exposure_changes
from nephoscope.state import State
from nephoscope.state.ingestion.outbox import OutboxRow
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers"
NSG = f"{GROUP}/Microsoft.Network/networkSecurityGroups/nsg"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with State.of(tmp_path / "data") as state:
        yield House(state, tmp_path / "data")


def candidate(name: str) -> ChangeCandidate:
    return ChangeCandidate(
        name, "User", "Azure CLI", "Microsoft.Network/x/write", f"c-{name}", NOW.isoformat()
    )


def change(name: str, *callers: str, widened: bool = True) -> TenantExposureChange:
    openings = (
        OpeningChange("tcp", "22", "91.10.0.0/24", "everybody", widened),
        OpeningChange("tcp", "80", "everybody", "nobody", widened=False),
    )
    cause = ExposureCause(
        "c1", NSG, callers[0] if len(callers) == 1 else "Unspecified", tuple(map(candidate, callers))
    )
    machine = f"{GROUP}/Microsoft.Compute/virtualMachines/{name}"
    return TenantExposureChange(
        "", ExposureChange(machine, NOW - timedelta(hours=4), NOW, widened, openings, (), (cause,))
    )


def publish(house: House, *several: TenantExposureChange) -> None:
    publish_documents(
        house.data, documents(several), BuildInfo(NOW, "", 2, None, 0, 0, {}, (), {}, (), (), 0, {}, {})
    )


def test_what_widened_is_told_once(house: House) -> None:
    publish(
        house,
        change("one", "ada@contoso.com"),
        change("two", "ada@contoso.com", "bob@contoso.com"),
        change("three", "ada@contoso.com", widened=False),
    )
    assert [note_exposure_changes(house.context) for _ in range(2)] == [2, 0]
    rows: dict[str, dict[str, Any]] = {}
    with house.state.reading() as session:
        for one in session.query(OutboxRow):
            assert one.table_name == TABLE
            assert isinstance(one.row, list)
            rows |= {str(row["ResourceName"]): row for row in one.row}
    assert {name: (row["ChangedBy"], row["Candidates"]) for name, row in rows.items()} == {
        "one": ("ada@contoso.com", ["ada@contoso.com"]),
        "two": ("Unspecified", ["ada@contoso.com", "bob@contoso.com"]),
    }
    assert rows["one"]["Openings"] == ["TCP 22 of one: from 91.10.0.0/24 to everybody"]
    assert rows["one"]["ToEverybody"] is True


def test_what_is_no_longer_published_is_forgotten(house: House) -> None:
    publish(house, change("one", "ada@contoso.com"))
    note_exposure_changes(house.context)
    publish(house)
    assert note_exposure_changes(house.context) == 0
    assert house.state.checkpoints.all(NOTED) == {}


def test_each_of_more_than_a_page_has_its_row_in_the_default_workspace(house: House) -> None:
    house.state.workspaces.add("archive")
    publish(house, *(change(f"vm{number}", "ada@contoso.com") for number in range(PAGE + 2)))
    assert [note_exposure_changes(house.context) for _ in range(2)] == [PAGE + 2, 0]
    with house.state.reading() as session:
        kept = [(one.workspace, len(one.row)) for one in session.query(OutboxRow)]
    assert {workspace for workspace, _ in kept} == {DEFAULT}
    assert sum(count for _, count in kept) == PAGE + 2


def test_nothing_was_published(house: House) -> None:
    assert note_exposure_changes(house.context) == 0
