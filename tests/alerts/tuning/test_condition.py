"""Conditions of suppressions: what they read, what they refuse, what they hold for."""

from __future__ import annotations

from typing import Any

import pytest

from nephoscope.alerts.suppression.condition import ConditionError, SuppressionSubject, parse_conditions
from nephoscope.model.entity import Entity

KIM = Entity("Account", (("Name", "kim"), ("UPNSuffix", "contoso.com")))
OFFICE, HOME, SIX = (
    Entity("IP", (("Address", one),)) for one in ("203.0.113.9", "198.51.100.7", "2001:db8::9")
)
TOOL = Entity("Process", (("CommandLine", r"C:\tools\Backup.ps1 -all"),))
VM = Entity("AzureResource", (("ResourceId", "/subscriptions/s/vm1"),))

MET = [
    ({"field": "entities.ip.address", "equals": "203.0.113.9"}, [OFFICE], True),
    ({"field": "entities.IP.Address", "in": ["203.0.113.0/24"]}, [OFFICE], True),
    ({"field": "entities.ip.address", "in": ["203.0.113.0/24"]}, [OFFICE, HOME], False),
    ({"field": "entities.ip.address", "in": ["203.0.113.0/24", "198.51.100.7"]}, [OFFICE, HOME], True),
    ({"field": "entities.ip[0].address", "in": ["203.0.113.0/24"]}, [OFFICE, HOME], True),
    ({"field": "entities.ip[0].address", "in": ["203.0.113.0/24"]}, [HOME, OFFICE], False),
    ({"field": "entities.ip[0].address", "equals": "203.0.113.9"}, [KIM], False),
    ({"field": "entities.ip.address", "in": ["2001:db8::/32"]}, [SIX], True),
    ({"field": "entities.ip.address", "in": ["2001:db8::/32"]}, [OFFICE], False),
    ({"field": "entities.ip.address", "in": ["203.0.113.0/24"]}, [KIM], False),
    ({"field": "entities.ip.address", "in": ["203.0.113.0/24"]}, [], False),
    ({"field": "entities.account.fullName", "equals": "KIM@contoso.com"}, [KIM, OFFICE], True),
    ({"field": "entities.account.name", "in": ["jo", "kim"]}, [KIM], True),
    ({"field": "entities.account.name", "in": ["jo", "ki"]}, [KIM], False),
    ({"field": "entities.account.aadUserId", "contains": ""}, [KIM], None),
    ({"field": "entities.process.commandLine", "contains": "backup.PS1"}, [TOOL], True),
    ({"field": "entities.process.commandLine", "contains": "restore"}, [TOOL], False),
    ({"field": "entities.azure-resource.resourceId", "equals": "/subscriptions/s/vm1"}, [VM], True),
    ({"field": "details.Job", "equals": "nightly"}, [], True),
    ({"field": "details.job", "in": ["weekly"]}, [], False),
    ({"field": "details.Other", "in": ["x"]}, [], False),
    ({"field": "details.Items", "atMost": "40"}, [], True),
    ({"field": "details.Items", "atMost": "39.5"}, [], False),
    ({"field": "details.Job", "atMost": "40"}, [], False),
    ({"field": "details.Items", "atMost": "many"}, [], None),
    ({"field": "details.Items", "atMost": "nan"}, [], None),
    ({"field": "entities.ip.address", "atMost": "40"}, [HOME], None),
    ({"field": "entities.ip.address", "inWatchlist": "Scanners"}, [HOME], True),
    ({"field": "entities.ip.address", "inWatchlist": "Scanners"}, [OFFICE], False),
    ({"field": "entities.ip.address", "inWatchlist": "Nobody"}, [HOME], False),
]  # fmt: skip


@pytest.mark.parametrize(("document", "entities", "wanted"), MET)
def test_conditions_hold(document: dict[str, Any], entities: list[Entity], wanted: bool | None) -> None:
    if wanted is None:
        with pytest.raises(ConditionError):
            parse_conditions([document])
        return
    (one,) = parse_conditions([document])
    lists = {"Scanners": ["198.51.100.0/25"]}
    found = one.with_watchlist(lambda alias: lists.get(alias, []))
    assert found.is_met(SuppressionSubject(entities, {"Job": ["Nightly"], "Items": ["40"]})) is wanted
    assert parse_conditions([one.document()]) == (one,)


WRONG = [
    ([{"field": "entities.ip.address", "in": ["203.0.113.0/24", "10.0.0.300"]}], "allOf[0]: '10.0.0.300' is not an address"),
    ([{"field": "ip.address", "in": ["10.0.0.1"]}], "allOf[0]: field 'ip.address' is neither"),
    ([{"field": "entities.planet.name", "in": ["x"]}], "'planet' is no kind of entity"),
    ([{"field": "entities.ip.address"}], "allOf[0]: must have one of equals, contains, in, inWatchlist, atMost"),
    ([{"field": "entities.ip.address", "in": ["10.0.0.1"], "equals": "10.0.0.1"}], "one of equals"),
    ([{"field": "entities.ip.address", "in": []}], "in takes 1 to 10,000 values"),
    ([{"in": ["x"]}], "allOf[0]: field is missing"),
    ("x", "allOf must be a list of objects, not a text"),
    ([1], "allOf[0]: must be an object, not a number"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "wanted"), WRONG)
def test_what_is_wrong_is_told_with_its_place(document: Any, wanted: str) -> None:
    with pytest.raises(ConditionError) as told:
        parse_conditions(document)
    assert wanted in str(told.value)
