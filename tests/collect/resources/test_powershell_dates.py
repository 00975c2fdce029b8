"""Dates as Windows PowerShell writes them become those of Azure, and nothing else changes."""

from __future__ import annotations

import json

import pytest

from nephoscope.collect import resources
from nephoscope.collect.resources.powershell_dates import convert_dates

ID = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/Contoso.Own/things/a"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/Date(1609459200000)/", "2021-01-01T00:00:00.000Z"),
        ("/Date(1609459200123+0200)/", "2021-01-01T00:00:00.123Z"),
        ("/Date(-1)/", "1969-12-31T23:59:59.999Z"),
        ("/Date(-62135596800000)/", "/Date(-62135596800000)/"),
        ("/Date(99999999999999999)/", "/Date(99999999999999999)/"),
        ("see /Date(1)/", "see /Date(1)/"),
        (
            {"value": "/Date(1609459200000)/", "DisplayHint": 2, "DateTime": "Friday"},
            "2021-01-01T00:00:00.000Z",
        ),
        ({"value": "2021-01-01T00:00:00Z", "DisplayHint": 2, "DateTime": "Friday"}, "2021-01-01T00:00:00Z"),
        ({"value": "a", "other": 1}, {"value": "a", "other": 1}),
        ({"value": "a"}, {"value": "a"}),
        ([{"at": "/Date(0)/"}, 1, None], [{"at": "1970-01-01T00:00:00.000Z"}, 1, None]),
    ],
)
def test_a_date_is_written_as_azure_does(written, read):
    body = {"properties": {"at": written}}
    convert_dates(body)
    assert body == {"properties": {"at": read}}


def test_an_export_of_windows_powershell_has_the_times_of_azure(tmp_path):
    text = json.dumps([{"id": ID, "properties": {"at": "/Date(1609459200000)/"}}]).replace("/Date", "\\/Date")
    (tmp_path / "old.json").write_text(text.replace(")/", ")\\/"))
    estate = resources.load([tmp_path])
    assert estate.resources[ID.lower()].body["properties"] == {"at": "2021-01-01T00:00:00.000Z"}
