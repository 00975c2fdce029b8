"""Who takes part is told once, whatever kinds and names logs give the same account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.alerts.investigation.participants import InvolvedEntity, list_object_ids, list_participants
from nephoscope.model.entity import Entity

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ID, OTHER = "ae174391-f0c8-5ab7-a566-f6352ec22812", "ebf878e3-485d-5466-8663-84a287c90251"
#: (entities as `kind: identifiers; alerts`), and what is told of each party: kinds, title, id, alerts.
CASES = {
    "an id by three names": (
        [
            ("Account", {"Name": ID}, "abc"),
            ("CloudApplication", {"AppId": ID, "Name": "pipeline-data"}, "cd"),
            ("Account", {"AadUserId": ID.upper()}, "e"),
        ],
        [("Account, CloudApplication", "pipeline-data", ID, "abcde")],
    ),
    "two ids": (
        [("Account", {"Name": ID}, "a"), ("Account", {"AadUserId": OTHER}, "ab")],
        [("Account", OTHER, "", "ab"), ("Account", ID, "", "a")],
    ),
    "a name that is no id joins nothing": (
        [("Account", {"Name": "ada"}, "a"), ("CloudApplication", {"Name": "ada"}, "b")],
        [("Account", "ada", "", "a"), ("CloudApplication", "ada", "", "b")],
    ),
    "one with an id of its own and a name of people": (
        [("Account", {"AadUserId": ID, "Name": "ada", "UPNSuffix": "bwf.example"}, "a"), ("Account", {"Name": ID}, "b")],
        [("Account", "ada@bwf.example", ID, "ab")],
    ),
    "two become one by a third": (
        [
            ("Account", {"AadUserId": ID, "Name": "a"}, "a"),
            ("CloudApplication", {"AppId": OTHER}, "b"),
            ("Account", {"AadUserId": OTHER, "ObjectGuid": ID}, "c"),
        ],
        [("Account, CloudApplication", "a", ID, "abc")],
    ),
    "an address and a resource stand alone": (
        [("IP", {"Address": "192.0.2.7"}, "ab"), ("AzureResource", {"ResourceId": "/subscriptions/x/y"}, "a")],
        [("IP", "192.0.2.7", "", "ab"), ("AzureResource", "/subscriptions/x/y", "", "a")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "told"), CASES.values(), ids=list(CASES))
def test_parties(given, told):
    involved = [
        InvolvedEntity(
            Entity(kind, tuple(sorted(names.items()))),
            tuple(alerts),
            NOON + timedelta(minutes=at),
            NOON + timedelta(hours=at),
        )
        for at, (kind, names, alerts) in enumerate(given)
    ]  # fmt: skip
    found = list_participants(involved)
    assert [(one.kinds, one.title, one.id, "".join(one.sources)) for one in found] == told
    assert min(one.first for one in found) == NOON


def test_a_service_principal_is_one_by_its_object_id_and_by_its_application():
    entities = [
        Entity("CloudApplication", (("AppId", OTHER), ("Name", "pipeline-data"))),
        Entity("Account", (("AadUserId", ID.upper()),)),
    ]
    involved = [InvolvedEntity(one, ("a",), NOON, NOON) for one in entities]
    assert list_object_ids(involved) == {ID}
    assert len(list_participants(involved)) == 2
    (one,) = list_participants(involved, {ID: OTHER})
    assert (one.kinds, one.title, set(one.entities)) == (
        "CloudApplication, Account",
        "pipeline-data",
        set(entities),
    )
    assert len(list_participants(involved, {ID: "0a174391-f0c8-5ab7-a566-f6352ec22812"})) == 2
