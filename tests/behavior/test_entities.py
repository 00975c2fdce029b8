"""The entities of an anomaly: people, applications and machines by what identifies them, and by nothing that does not."""

from __future__ import annotations

from typing import Any

import pytest

from nephoscope.behavior.entities import build_entities, describe_unlisted_account

ID = "0c5f2d0a-1111-4b63-9f0e-000000000001"


def row(**given: Any) -> dict[str, Any]:
    empty = {
        "UserName": "",
        "UserPrincipalName": "",
        "Device": "",
        "SourceIPAddress": "",
        "_ResourceId": "",
        "UsersInsights": {},
    }
    return {**empty, **given}


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        ("user", row(UserName="kim", UserPrincipalName="kim@contoso.com", UsersInsights={"AccountObjectID": ID},
                     SourceIPAddress="192.0.2.1"),
         [{"Type": "account", "Name": "kim", "UPNSuffix": "contoso.com", "AadUserId": ID}, {"Type": "ip", "Address": "192.0.2.1"}]),
        ("user", row(UserName="kim5", UserPrincipalName="corp\\kim5", UsersInsights=describe_unlisted_account("corp\\kim5"),
                     Device="srv1.corp.local"),
         [{"Type": "account", "Name": "kim5", "NTDomain": "corp"}, {"Type": "host", "HostName": "srv1", "DnsDomain": "corp.local"}]),
        ("app", row(UserName="pipeline", UsersInsights=describe_unlisted_account(ID), _ResourceId="/subscriptions/s/a"),
         [{"Type": "account", "Name": "pipeline", "AadUserId": ID}, {"Type": "azure-resource", "ResourceId": "/subscriptions/s/a"}]),
        ("host", row(Device="srv1.corp.local", SourceIPAddress="192.0.2.1"),
         [{"Type": "host", "HostName": "srv1", "DnsDomain": "corp.local"}, {"Type": "ip", "Address": "192.0.2.1"}]),
        ("host", row(Device="SRV1"), [{"Type": "host", "HostName": "SRV1"}]),
    ],
)  # fmt: skip
def test_the_entities_of_a_row(kind: str, given: dict[str, Any], wanted: list[dict[str, str]]) -> None:
    assert build_entities(given, kind) == [{"$id": str(at), **one} for at, one in enumerate(wanted, 1)]


@pytest.mark.parametrize(
    ("id_", "wanted"),
    [
        (ID, {"AccountObjectID": ID}),
        ("corp\\kim5", {"AccountDomain": "corp"}),
        ("kim@contoso.com", {"AccountDomain": "contoso.com"}),
        ("srv1", {}),
    ],
)
def test_what_an_id_says(id_: str, wanted: dict[str, str]) -> None:
    assert describe_unlisted_account(id_) == wanted
