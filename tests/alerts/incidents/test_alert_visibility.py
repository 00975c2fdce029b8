"""What is told of an alert over several scopes to those who reach some of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from nephoscope.alerts.entities.resource_mentions import ResourceMention, find_mentions
from nephoscope.alerts.incidents.alert_visibility import LEFT_OUT, AlertVisibility
from nephoscope.model.read_scope import EVERYTHING, Reach

A, B, C = (f"{one * 8}-0000-4000-8000-000000000000" for one in "abc")


def vault(subscription: str, group: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/{name}"


MINE, NEAR, FAR = vault(A, "rg-mine", "kv-mine"), vault(A, "RG-near", "kv-near"), vault(B, "rg-far", "KV-far")


def alert(*resources: str, **more: Any) -> dict[str, Any]:
    entities = [
        {"$id": str(n), "Type": "azure-resource", "ResourceId": one} for n, one in enumerate(resources)
    ]
    entities += [
        {"$id": "8", "Type": "account", "Name": "ada", "UPNSuffix": "contoso"},
        {"$id": "7", "Type": "ip", "Address": "203.0.113.7"},
        {"$id": "9", "Type": "host", "HostName": "vm-somewhere"},
    ]
    return {
        "alertDisplayName": "ada was refused by kv-mine, kv-near and KV-FAR",
        "description": "four times",
        "compromisedEntity": "ada@contoso",
        "entities": entities,
        "extendedProperties": {"Query": "AzureDiagnostics", "Custom Details": json.dumps([*resources]),
                               "Query Period": "01:00:00", "Analytic Rule Name": "Refused"},
        "resourceIdentifiers": [{"type": "AzureResource", "azureResourceId": one} for one in resources],
        "remediationSteps": ["look at vm-somewhere", "look at kv-mine"],
        **more,
    }  # fmt: skip


#: What rows say of no subscription: nobody knows which row of an alert said it.
ROWS = ("ada", "contoso", "203.0.113.7", "vm-somewhere", "four times")
GROUP = Reach(groups=frozenset({f"/subscriptions/{A}/resourcegroups/rg-mine"}))
ONE, BOTH = Reach(subscriptions=frozenset({A})), Reach(subscriptions=frozenset({A, B}))


@pytest.mark.parametrize(
    ("reach", "resources", "hidden"),
    [
        (EVERYTHING, (MINE, NEAR, FAR), ()),
        (BOTH, (MINE, NEAR, FAR), ()),
        (ONE, (MINE, NEAR), ()),
        (GROUP, (MINE,), ()),
        (ONE, (MINE, NEAR, FAR), (B, "kv-far", "rg-far", *ROWS)),
        (GROUP, (MINE, NEAR), ("kv-near", "rg-near", *ROWS)),
        (GROUP, (MINE, NEAR, FAR), (B, "kv-far", "rg-far", "kv-near", "rg-near", *ROWS)),
    ],
)
def test_what_is_out_of_reach_is_left_out(
    reach: Reach, resources: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    given = alert(*resources)
    if not hidden:
        given |= {"alertDisplayName": "ada was refused", "compromisedEntity": "kv-mine"}
    told = AlertVisibility(reach, frozenset({A, B, C})).redact_properties(given)
    if not hidden:
        assert told == given
        return
    text = json.dumps(told).lower()
    assert [one for one in hidden if one in text] == []
    assert "AzureDiagnostics" not in json.dumps(told)
    assert {MINE.lower(), A} <= {one for one in (MINE.lower(), A) if one in text}
    assert (told["alertDisplayName"], told["description"], told["compromisedEntity"]) == ("Refused", "", "…")
    assert told["extendedProperties"]["Query Period"] == "01:00:00"
    assert not re.search(r"\d", told["extendedProperties"][LEFT_OUT])
    assert told["remediationSteps"] == ["look at …", "look at kv-mine"]


def test_a_subscription_that_is_named_by_its_guid_alone_counts() -> None:
    given = alert(MINE, remediationSteps=[f"also in {B}"])
    given |= {"alertDisplayName": "x", "compromisedEntity": ""}
    assert AlertVisibility(ONE, frozenset({A, B})).redact_properties(given)["remediationSteps"] == [
        "also in …"
    ]
    assert AlertVisibility(ONE, frozenset({A})).redact_properties(given)["remediationSteps"] == [
        f"also in {B}"
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nothing", set()),
        (f"/subscriptions/{A}", {ResourceMention(A)}),
        (f'"/SUBSCRIPTIONS/{A.upper()}/resourceGroups/RG"', {ResourceMention(A, "rg")}),
        (
            f"{MINE}, {FAR};",
            {ResourceMention(A, "rg-mine", "kv-mine"), ResourceMention(B, "rg-far", "kv-far")},
        ),
        (json.dumps(json.dumps([MINE])), {ResourceMention(A, "rg-mine", "kv-mine")}),
        (f"/subscriptions/{A}/providers/Microsoft.Security/pricings/x", {ResourceMention(A, "", "x")}),
        (f"({C})", {ResourceMention(C)}),
        (f"{C}0", set()),
    ],
)
def test_mentions(text: str, found: set[ResourceMention]) -> None:
    assert find_mentions(text, frozenset({C})) == found
