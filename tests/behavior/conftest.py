"""A lake of one test with its state, and people who sign in."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
"""Noon of a Wednesday: the part of the week is one of what is learned."""


@pytest.fixture
def put(lake: Lake) -> Callable[..., None]:
    """Put rows into a table; `came` is when they came."""
    count = 0

    def putting(table: str, rows: Sequence[Mapping[str, Any]], came: datetime) -> None:
        nonlocal count
        made = to_arrow_rows(lake.tables[table], rows, workspace=lake.workspace("default"), now=came)
        assert made.bad == []
        lake.writer().append("default", {table: made.table}, producer=f"test-{count}", sequence=0)
        count += 1
        lake.flush()

    return putting


@pytest.fixture
def tell_estate(lake: Lake) -> Callable[..., None]:
    """Put users (their Graph objects), and other bodies, into the estate as its newest snapshot."""

    def telling(
        at: datetime, users: Sequence[Mapping[str, Any]], *others: Mapping[str, Any], whole: bool = True
    ) -> None:
        bodies = [
            {
                "id": f"/providers/microsoft.graph/users/{one['id']}",
                "name": one["id"],
                "type": "microsoft.graph/users",
                "properties": dict(one),
            }
            for one in users
        ]
        resources = [Resource.of(dict(body)) for body in (*bodies, *others)]
        types = frozenset({"microsoft.graph/users"}) if whole else frozenset()
        estate = Estate.of(resources, Coverage({"": types}, declared=True))
        EstateStore(lake.data).append(estate, at)

    return telling


def signin(user: str, moment: datetime, **changes: Any) -> dict[str, Any]:
    """A successful sign-in from Germany with Edge on the user's own machine."""
    country = changes.pop("country", "DE")
    device = changes.pop("device", f"pc-{user}")
    return {
        "TimeGenerated": moment,
        "Id": f"{user}-{moment.isoformat()}",
        "UserId": f"id-{user}",
        "UserPrincipalName": f"{user}@contoso.com",
        "UserDisplayName": user.title(),
        "UserType": "Member",
        "ResultType": "0",
        "IPAddress": "198.51.100.1",
        "AutonomousSystemNumber": {"DE": "3320", "PT": "2860"}.get(country, "64500"),
        "Location": country,
        "LocationDetails": {"countryOrRegion": country, "city": "Town"},
        "DeviceDetail": {"browser": "Edge 120.0.1", "operatingSystem": "Windows 10", "displayName": device},
        "AppDisplayName": "Office",
        "ResourceDisplayName": "Office 365",
        **changes,
    }


def routine(users: Sequence[str], days: int, end: datetime = NOON, seed: int = 1) -> list[dict[str, Any]]:
    """Everybody signs in in the morning and the afternoon of every day before the last; in the same hours of the day."""
    rng = random.Random(seed)
    return [
        signin(user, end - timedelta(days=day) + timedelta(minutes=rng.randrange(-110, 110)))
        for day in range(days, 0, -1)
        for user in users
        for _ in range(2)
    ]
