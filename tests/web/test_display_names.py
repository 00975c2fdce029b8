"""Ids and values as people say them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nephoscope.alerts.investigation.participants import Participant
from nephoscope.model.entity import Entity
from nephoscope.web.rendering import display_names

ID, OTHER = "ae174391-f0c8-4f0e-9d57-1b9f0f3c7a11", "050ccd26-0000-4000-8000-000000000001"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("InitialAccess", "Initial Access"),
        ("InitialAccess, CommandAndControl", "Initial Access, Command and Control"),
        (
            ["Initial Access", "InitialAccess", "T1078.004", "T1110", "T1078.004"],
            "Initial Access, T1078.004, T1110",
        ),
        ("", ""),
    ],
)
def test_tactics(told, wanted):
    assert display_names.format_tactics(told) == wanted


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ('["050ccd26"]', "050ccd26"),
        ("{}", ""),
        ("[]", ""),
        ("14.00:00:00", "14 days"),
        ("01:30:00", "1 hour 30 minutes"),
        ('{"User": ["ada", "bob"], "None": []}', "User: ada, bob"),
        ({"a": None, "b": 3}, "b: 3"),
        ("[no JSON", "[no JSON"),
        (1, "1"),
        (None, ""),
        ("plain <text>", "plain <text>"),
    ],
)
def test_values(told, wanted):
    assert display_names.format_value(told) == wanted


def test_those_who_are_known_by_a_name_are_called_by_it():
    known = Participant(
        (Entity("CloudApplication", (("AppId", ID), ("Name", "pipeline-data"))),), ("a",), NOON, NOON
    )
    nameless = Participant((Entity("Account", (("Name", OTHER),)),), ("a",), NOON, NOON)
    names = display_names.map_participant_names([known, nameless])
    assert names == {ID: "pipeline-data"}
    assert (
        display_names.replace_ids(f"Secrets were read: {ID.upper()}, {OTHER}", names)
        == f"Secrets were read: pipeline-data, {OTHER}"
    )
    assert display_names.replace_ids(f"/subscriptions/{ID}/x", names) == f"/subscriptions/{ID}/x"


def test_a_path_breaks_behind_its_slashes_and_is_escaped():
    assert (
        display_names.add_line_break_hints("Microsoft.A/b<c>/d") == "Microsoft.<wbr>A/<wbr>b&lt;c&gt;/<wbr>d"
    )
