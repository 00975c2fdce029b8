"""Exposure that widened: a row for each change, once, with who may have made it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.service.inventory_house import House

from nephoscope.estate.resource_changes import UPDATE, ResourceChange
from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.changes.change_attribution import (
    AttributedChange,
    ChangeAttribution,
    ChangeCandidate,
)
from nephoscope.posture.changes.exposure_changes import ExposureCause, ExposureChange
from nephoscope.posture.exposure.opening_changes import OpeningChange
from nephoscope.posture.published import resource_changes
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document_listing import PAGE
from nephoscope.posture.published.exposure_changes import (
    TYPE,
    ExposureChangeDocument,
    TenantExposureChange,
    build_documents,
    list_attributions,
)
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.service.exposure_alerts import NOTED, TABLE, write_exposure_change_rows
from nephoscope.state import State
from nephoscope.state.ingestion.outbox import OutboxRow
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers"
OTHER = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/hub/providers"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with State.open_folder(tmp_path / "data") as state:
        yield House(state, tmp_path / "data")


def candidate(name: str) -> ChangeCandidate:
    return ChangeCandidate(
        name, "User", "Azure CLI", "Microsoft.Network/x/write", f"c-{name}", NOW.isoformat()
    )


Pair = tuple[AttributedChange, TenantExposureChange]


def change(name: str, *callers: str, widened: bool = True, group: str = GROUP) -> Pair:
    """A change of a security group in a resource group, and of the exposure of a machine in the usual one."""
    id_ = f"{group}/Microsoft.Network/networkSecurityGroups/{name}"
    before = NOW - timedelta(hours=4)
    moved = ResourceChange(id_.lower(), UPDATE, before, NOW, {"id": id_}, {"id": id_, "tags": {}})
    told = ChangeAttribution(
        changed_by=callers[0] if len(callers) == 1 else "Unspecified",
        candidates=tuple(map(candidate, callers)),
    )
    openings = (
        OpeningChange("tcp", "22", "91.10.0.0/24", "everybody", widened),
        OpeningChange("tcp", "80", "everybody", "nobody", widened=False),
    )
    machine = f"{GROUP}/Microsoft.Compute/virtualMachines/{name}"
    exposed = ExposureChange(machine, before, NOW, widened, openings, (), (ExposureCause(moved.id, id_),))
    return AttributedChange("", moved, told), TenantExposureChange("", exposed)


def publish(house: House, *several: Pair) -> None:
    found = [
        *resource_changes.build_documents([moved for moved, _ in several], {}),
        *build_documents(exposed for _, exposed in several),
    ]
    publish_documents(house.data, found, BuildInfo(NOW, "", 2, None, 0, 0, {}, (), {}, (), (), 0, {}, {}))


def read_rows(house: House) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    with house.state.reading() as session:
        for one in session.query(OutboxRow):
            assert one.table_name == TABLE
            assert isinstance(one.row, list)
            rows |= {str(row["ResourceName"]): row for row in one.row}
    return rows


def test_what_widened_is_told_once(house: House) -> None:
    publish(
        house,
        change("one", "ada@contoso.com"),
        change("two", "ada@contoso.com", "bob@contoso.com"),
        change("three", "ada@contoso.com", widened=False),
    )
    assert [write_exposure_change_rows(house.context) for _ in range(2)] == [2, 0]
    rows = read_rows(house)
    assert {name: (row["ChangedBy"], row["Candidates"]) for name, row in rows.items()} == {
        "one": ("ada@contoso.com", ["ada@contoso.com"]),
        "two": ("Unspecified", ["ada@contoso.com", "bob@contoso.com"]),
    }
    assert rows["one"]["Openings"] == ["TCP 22 of one: from 91.10.0.0/24 to everybody"]
    assert rows["one"]["ToEverybody"] is True


@pytest.mark.full
def test_a_row_with_callers_of_another_subscription_is_in_none(house: House) -> None:
    publish(house, change("own", "ada@contoso.com"), change("hub", "bob@contoso.com", group=OTHER))
    assert write_exposure_change_rows(house.context) == 2
    rows = read_rows(house)
    own, hub = (f"{GROUP}/Microsoft.Compute/virtualMachines/{name}".lower() for name in ("own", "hub"))
    names = ("ResourceId", "_ResourceId", "_SubscriptionId", "ChangedBy")
    assert [rows["own"][name] for name in names] == [own, own, own.split("/")[2], "ada@contoso.com"]
    assert [rows["hub"][name] for name in names] == [hub, "", "", "bob@contoso.com"]


def test_callers_are_for_readers_of_what_they_changed(house: House) -> None:
    publish(house, change("hub", "bob@contoso.com", group=OTHER))
    published = PublishedSnapshotCache(house.data).load_newest()
    assert published is not None
    (body,) = published.listing.page((TYPE.lower(),), EVERYTHING).bodies
    assert "bob@contoso.com" not in str(body)
    exposed = msgspec.convert(body, ExposureChangeDocument).properties
    own, hub = (Reach(subscriptions=frozenset({group.split("/")[2]})) for group in (GROUP, OTHER))
    assert list_attributions(exposed, published.listing, own) == []
    assert [one.changed_by for one in list_attributions(exposed, published.listing, hub)] == [
        "bob@contoso.com"
    ]


@pytest.mark.full
def test_what_is_no_longer_published_is_forgotten(house: House) -> None:
    publish(house, change("one", "ada@contoso.com"))
    write_exposure_change_rows(house.context)
    publish(house)
    assert write_exposure_change_rows(house.context) == 0
    assert house.state.checkpoints.all(NOTED) == {}


@pytest.mark.full
def test_each_of_more_than_a_page_has_its_row_in_the_default_workspace(house: House) -> None:
    house.state.workspaces.add("archive")
    publish(house, *(change(f"vm{number}", "ada@contoso.com") for number in range(PAGE + 2)))
    assert [write_exposure_change_rows(house.context) for _ in range(2)] == [PAGE + 2, 0]
    with house.state.reading() as session:
        kept = [(one.workspace, len(one.row)) for one in session.query(OutboxRow)]
    assert {workspace for workspace, _ in kept} == {DEFAULT}
    assert sum(count for _, count in kept) == PAGE + 2


def test_nothing_was_published(house: House) -> None:
    assert write_exposure_change_rows(house.context) == 0
