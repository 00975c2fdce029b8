"""Which entities of several rows are one."""

from __future__ import annotations

import pytest

from nephoscope.alerts.entities.entity_mapping import extract_entities, merge_entities
from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.alerts.rules.rule import EntityMapping
from nephoscope.model.entity import Entity
from nephoscope_kql.types import KqlType

CASES = {
    "one name in two domains": (
        [("Account", "Name=admin UPNSuffix=contoso.com"), ("Account", "Name=admin UPNSuffix=fabrikam.com")],
        ["Name=admin UPNSuffix=contoso.com", "Name=admin UPNSuffix=fabrikam.com"],
    ),
    "a name alone of one": (
        [("Account", "Name=admin UPNSuffix=contoso.com"), ("Account", "Name=Admin")],
        ["Name=admin UPNSuffix=contoso.com"],
    ),
    "a name alone of two": (
        [("Account", "Name=a UPNSuffix=x.com"), ("Account", "Name=a UPNSuffix=y.com"), ("Account", "Name=a")],
        ["Name=a UPNSuffix=x.com", "Name=a UPNSuffix=y.com", "Name=a"],
    ),
    "one id, renamed": (
        [("Account", "AadUserId=1 Name=a UPNSuffix=x.com"), ("Account", "AadUserId=1 Name=b UPNSuffix=x.com")],
        ["AadUserId=1 Name=a UPNSuffix=x.com"],
    ),
    "made anew under the same name": (
        [("Account", "AadUserId=1 Name=a UPNSuffix=x.com"), ("Account", "AadUserId=2 Name=a UPNSuffix=x.com")],
        ["AadUserId=1 Name=a UPNSuffix=x.com", "AadUserId=2 Name=a UPNSuffix=x.com"],
    ),
    "an id comes to a name": (
        [("Account", "Name=a UPNSuffix=x.com"), ("Account", "AadUserId=1 Name=a UPNSuffix=x.com"), ("Account", "AadUserId=1")],
        ["AadUserId=1 Name=a UPNSuffix=x.com"],
    ),
    "hosts of two domains": (
        [("Host", "HostName=web DnsDomain=contoso.com"), ("Host", "HostName=web DnsDomain=fabrikam.com")],
        ["DnsDomain=contoso.com HostName=web", "DnsDomain=fabrikam.com HostName=web"],
    ),
    "files of two folders": (
        [("File", "Name=svchost.exe Directory=C:/Windows"), ("File", "Name=svchost.exe Directory=C:/Temp")],
        ["Directory=C:/Windows Name=svchost.exe", "Directory=C:/Temp Name=svchost.exe"],
    ),
    "one process id, two commands": (
        [("Process", "ProcessId=7 CommandLine=a"), ("Process", "ProcessId=7 CommandLine=b")],
        ["CommandLine=a ProcessId=7", "CommandLine=b ProcessId=7"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "kept"), CASES.values(), ids=list(CASES))
def test_entities_are_one_where_nothing_tells_them_apart(given, kept) -> None:
    rows = [[Entity.of(kind, dict(part.split("=") for part in text.split()))] for kind, text in given]
    assert [" ".join(f"{n}={v}" for n, v in one.identifiers) for one in merge_entities(rows)] == kept


ACTORS = {
    "192.0.2.93": ("IP", (("Address", "192.0.2.93"),)),
    "2001:db8::1": ("IP", (("Address", "2001:db8::1"),)),
    "ada@bwf.example": ("Account", (("Name", "ada"), ("UPNSuffix", "bwf.example"))),
    "1.2": ("Account", (("Name", "1.2"),)),
}


@pytest.mark.parametrize("who", list(ACTORS))
def test_who_is_known_by_an_address_alone_is_no_account(who) -> None:
    row = RuleResultRow({"Who": KqlType.STRING}, {"Who": who})
    (found,) = extract_entities(row, [EntityMapping("Account", (("FullName", "Who"),))])
    assert (found.kind, found.identifiers) == ACTORS[who]


def test_an_account_with_an_id_keeps_what_it_is_called() -> None:
    row = RuleResultRow(dict.fromkeys(("Who", "Id"), KqlType.STRING), {"Who": "192.0.2.93", "Id": "1"})
    (found,) = extract_entities(row, [EntityMapping("Account", (("FullName", "Who"), ("AadUserId", "Id")))])
    assert (found.kind, found.get("AadUserId")) == ("Account", "1")
