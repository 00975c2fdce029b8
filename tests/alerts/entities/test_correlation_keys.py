"""Equal names make one story only where they are one thing's: strong identifiers do, weak ones where nothing contradicts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.alerts.entities.correlation_keys import WeakNameScope, build_weak_keys
from nephoscope.alerts.entities.enrichment_context import NOWHERE, EnrichmentContext
from nephoscope.alerts.incidents.grouping import build_bookmark_keys, find_alert_keys
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope_policy.model.state import Severity

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SUB = "/subscriptions/{}/resourceGroups/g/providers"
VM = f"{SUB}/Microsoft.Compute/virtualMachines/{{}}"
CLUSTER = f"{SUB}/Microsoft.ContainerService/managedClusters/{{}}"
GROUP = f"{SUB}/Microsoft.Network/networkSecurityGroups/{{}}"


def entity(kind: str, **identifiers: str) -> Entity:
    found = Entity.of(kind, identifiers)
    assert found is not None
    return found


def host(name: str = "web-0", **more: str) -> Entity:
    return entity("Host", HostName=name, **more)


def user(name: str, **more: str) -> Entity:
    return entity("Account", Name=name, **more)


def resource(id_: str) -> Entity:
    return entity("AzureResource", ResourceId=id_.lower())


def one_story(
    first: tuple[Entity, ...], second: tuple[Entity, ...], around: EnrichmentContext = NOWHERE
) -> bool:
    """Whether an alert of each finds the other; it must not matter which comes first."""
    told = [
        find_alert_keys(
            Alert("a", "a", "a", "", Severity.LOW, NOON, NOON, NOON, ("Impact",), entities=entities), around
        )
        for entities in (first, second)
    ]
    one, other = (bool(set(seeking.wanted) & set(found.known)) for seeking, found in (told, reversed(told)))
    assert one is other
    return one


BARE = (host(),)
TOGETHER = {
    "two bare names": (BARE, BARE),
    "one domain": ((host(DnsDomain="a.com"),), (host(DnsDomain="A.com"),)),
    "one NetBIOS name in a domain": (
        (entity("Host", NetBiosName="WEB", NTDomain="A"),),
        (entity("Host", NetBiosName="web", NTDomain="a"),),
    ),
    "one resource, other spelling": ((host(AzureID="/x/y"),), (host("web", AzureID="/X/Y"),)),
    "a bare name and one in a cluster": (BARE, (host(), resource(CLUSTER.format("s", "k")))),
    "one cluster": (
        (host(), resource(CLUSTER.format("s", "k"))),
        (host(), resource(CLUSTER.format("s", "k"))),
    ),
    "a cluster and something of its subscription": (
        (host(), resource(CLUSTER.format("s", "k"))),
        (host(), resource(GROUP.format("s", "n"))),
    ),
    "one local account": (
        (host("vm-1"), user("kim", NTDomain="VM-1")),
        (host("vm-1"), user("kim", NTDomain="vm-1")),
    ),
    "one user": ((user("kim", UPNSuffix="a.com"),), (user("Kim", UPNSuffix="A.com"),)),
}
APART = {
    "two domains": ((host(DnsDomain="a.com"),), (host(DnsDomain="b.com"),)),
    "a bare name and one in a domain": (BARE, (host(DnsDomain="a.com"),)),
    "two resources": ((host(AzureID="/x/y"),), (host(AzureID="/x/z"),)),
    "two clusters": (
        (host(), resource(CLUSTER.format("s", "k"))),
        (host(), resource(CLUSTER.format("s", "l"))),
    ),
    "two machines of one subscription": (
        (host(), resource(VM.format("s", "web-0"))),
        (host(), resource(VM.format("s", "other"))),
    ),
    "two subscriptions": ((host(), resource(GROUP.format("s", "n"))), (host(), resource(GROUP.format("t", "n")))),
    "a cluster and another subscription": (
        (host(), resource(CLUSTER.format("s", "k"))),
        (host(), resource(GROUP.format("t", "n"))),
    ),
    "names of images": ((host("localhost"),), (host("localhost"),)),
    "names of images in no domain": (
        (host("ubuntu", DnsDomain="localdomain"),),
        (host("ubuntu", DnsDomain="localdomain"),),
    ),
    "workgroups": ((host("a", NTDomain="WORKGROUP"),), (host("b", NTDomain="WORKGROUP"),)),
    "bare accounts": ((user("admin"),), (user("admin"),)),
    "users of two domains": ((user("admin", UPNSuffix="a.com"),), (user("admin", UPNSuffix="b.com"),)),
    "SYSTEM of two machines": (
        (host("a"), user("SYSTEM", NTDomain="NT AUTHORITY", Sid="S-1-5-18")),
        (host("b"), user("SYSTEM", NTDomain="NT AUTHORITY", Sid="S-1-5-18")),
    ),
    "local accounts of two clusters": (
        (host(), user("root", NTDomain="web-0"), resource(CLUSTER.format("s", "k"))),
        (host(), user("root", NTDomain="web-0"), resource(CLUSTER.format("t", "k"))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOGETHER)
def test_one_thing_is_one_story(name: str) -> None:
    assert one_story(*TOGETHER[name])


@pytest.mark.parametrize("name", APART)
def test_two_things_of_one_name_are_two_stories(name: str) -> None:
    assert not one_story(*APART[name])


MACHINE = VM.format("s", "web-0").lower()
ESTATE = EnrichmentContext(
    same={
        "Host|HostName|web-0": f"machine|{MACHINE}",
        f"AzureResource|ResourceId|{MACHINE}": f"machine|{MACHINE}",
        "Account|Name|backup": "account|app",
        "Account|AadUserId|1": "account|app",
    }
)
KNOWN = [
    ((host(DnsDomain="a.com"),), (resource(MACHINE),), True),
    ((host(DnsDomain="a.com"),), BARE, True),
    ((host(DnsDomain="a.com"),), (host(DnsDomain="b.com"),), False),
    ((host(NTDomain="A"),), (host(DnsDomain="a.com"),), True),
    ((host(NTDomain="B"),), (host(DnsDomain="a.com"),), False),
    ((host(), resource(CLUSTER.format("t", "k"))), (resource(MACHINE),), False),
    ((host(), resource(GROUP.format("s", "n"))), (resource(MACHINE),), True),
    ((user("backup"),), (user("x", AadUserId="1"),), True),
    ((user("backup", UPNSuffix="a.com"),), (user("x", AadUserId="1"),), False),
    ((user("backup"), host("db-1")), (user("x", AadUserId="1"),), False),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "one"), KNOWN)
def test_what_the_estate_knows_ties_where_nothing_contradicts(
    first: tuple[Entity, ...], second: tuple[Entity, ...], one: bool
) -> None:
    assert one_story(first, second, ESTATE) is one


def test_bookmarks_are_found_by_the_same_names() -> None:
    bare = find_alert_keys(Alert("a", "a", "a", "", Severity.LOW, NOON, NOON, NOON, (), entities=BARE))
    assert set(bare.wanted) & set(build_bookmark_keys(BARE))
    assert not set(bare.wanted) & set(build_bookmark_keys([host(DnsDomain="a.com")]))


#: `near` is a thing within its `wide`: a cluster c0 or c1 of the subscription s.
_PLACES = st.lists(
    st.tuples(st.sampled_from("st"), st.sampled_from(["", "c0", "c1"])), max_size=3, unique=True
).map(
    lambda several: WeakNameScope(
        tuple(dict.fromkeys(wide + near for wide, near in several if near)),
        tuple(dict.fromkeys(wide for wide, _ in several)),
    )
)


def _agree(one: WeakNameScope, other: WeakNameScope) -> bool:
    if not one.wide or not other.wide:
        return True
    if one.near and other.near:
        return bool(set(one.near) & set(other.near))
    return bool(set(one.wide) & set(other.wide))


@given(_PLACES, _PLACES)
def test_a_weak_name_ties_exactly_those_that_may_be_one(one: WeakNameScope, other: WeakNameScope) -> None:
    first, second = build_weak_keys("n", one), build_weak_keys("n", other)
    assert bool(set(first.wanted) & set(second.known)) is _agree(one, other)
    assert bool(set(second.wanted) & set(first.known)) is _agree(one, other)
