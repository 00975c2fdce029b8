"""Which alerts are one story: whoever comes first, also late, and never by what many share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.entities.enrichment_context import (
    SHARED_BY,
    EnrichmentContext,
    load_enrichment_context,
)
from nephoscope.alerts.incidents.grouping import CROWD
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore
from nephoscope.lake.lake import Lake
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.state import State
from nephoscope.state.incidents.incidents import IncidentStatus
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-1"
CARD = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/nic-1"
GATEWAY = "/subscriptions/s/resourcegroups/g/providers/microsoft.network/applicationgateways/agw"

Raised = tuple[str, float, tuple[Entity, ...]]


def entity(kind: str, **identifiers: str) -> Entity:
    found = Entity.of(kind, identifiers)
    assert found is not None
    return found


def ip(address: str) -> Entity:
    return entity("IP", Address=address)


def user(name: str) -> Entity:
    return entity("Account", Name=name, UPNSuffix="contoso.com")


def host(name: str) -> Entity:
    return entity("Host", HostName=name)


def resource(id_: str) -> Entity:
    return entity("AzureResource", ResourceId=id_)


def take(state: State, *raised: Raised, around: EnrichmentContext | None = None) -> None:
    """Raise alerts one after another, each by a rule of its own: (name, hours after noon, entities)."""
    incident_service = (
        IncidentService(state, "default") if around is None else IncidentService(state, "default", around)
    )
    for name, hours, entities in raised:
        rule = AnalyticRule(name, name, "x", tactics=("Discovery",))
        at = NOON + timedelta(hours=hours)
        alert = Alert(name, name, name, "", Severity.MEDIUM, at, at, at, ("Discovery",), entities=entities)
        incident_service.store_outcome(
            RuleOutcome(rule, RuleWindow(at - timedelta(hours=1), at), 1, (alert,)), at + timedelta(days=1)
        )


def stories(state: State) -> set[frozenset[str]]:
    """The alerts of each open incident."""
    return {
        frozenset(alert.id for alert in state.alerts.list_newest("default", incident=one.number))
        for one in state.incidents.list_newest("default")
    }


CHAIN: tuple[Raised, ...] = (
    ("guesses", 0.0, (ip("192.0.2.8"),)),
    ("dump", 0.7, (host("vm-1"), entity("Account", Name="kim", NTDomain="VM-1"))),
    ("success", 0.5, (ip("192.0.2.8"), host("vm-1"))),
    ("cleared", 1.5, (host("vm-1"),)),
)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "order", list(permutations(CHAIN)), ids=lambda order: "-".join(one[0] for one in order)
)
def test_a_chain_is_one_story_in_whichever_order_its_alerts_come(
    state: State, order: tuple[Raised, ...]
) -> None:
    take(state, *order)
    assert stories(state) == {frozenset(one[0] for one in CHAIN)}
    (incident,) = state.incidents.list_newest("default")
    assert (incident.first_activity, incident.last_activity) == (NOON, NOON + timedelta(hours=1.5))


def test_an_incident_that_was_put_into_another_leads_there(state: State) -> None:
    take(state, CHAIN[0], CHAIN[1], CHAIN[2])
    other = state.incidents.get(2)
    assert other is not None
    assert (other.status, other.merged_into) == (IncidentStatus.CLOSED, 1)


def test_a_story_ends_after_a_quiet_day(state: State) -> None:
    take(state, ("one", 0, (ip("192.0.2.8"),)), ("two", 30, (ip("192.0.2.8"),)))
    assert len(stories(state)) == 2


def test_closed_incidents_stay_closed(state: State) -> None:
    take(state, CHAIN[0])
    closed = IncidentStatus.CLOSED
    IncidentService(state, "default").change(1, NOON, "ana", status=closed, classification="TruePositive")
    take(state, CHAIN[2])
    assert stories(state) == {frozenset({"guesses"}), frozenset({"success"})}


def test_the_victims_of_a_spray_are_not_its_story(state: State) -> None:
    crowd = tuple(user(f"user{number}") for number in range(CROWD + 1))
    spray = ("spray", 0.0, (ip("192.0.2.8"), *crowd))
    take(state, spray, ("theirs", 1, (user("user3"),)), ("its", 1, (ip("192.0.2.8"), user("kim"))))
    assert stories(state) == {frozenset({"spray", "its"}), frozenset({"theirs"})}


def test_addresses_that_many_share_tie_nothing(state: State) -> None:
    around = EnrichmentContext(common=frozenset({"198.51.100.4"}))
    several = [(name, 0.0, (ip("198.51.100.4"), user(name))) for name in ("kim", "ali")]
    take(state, *several, around=around)
    assert stories(state) == {frozenset({"kim"}), frozenset({"ali"})}


@pytest.mark.parametrize("address", ["127.0.0.1", "168.63.129.16", "169.254.169.254", "::1"])
def test_addresses_that_every_machine_has_tie_nothing(state: State, address: str) -> None:
    take(state, ("one", 0, (ip(address), host("vm-1"))), ("two", 0, (ip(address), host("vm-2"))))
    assert len(stories(state)) == 2


def test_two_strangers_at_one_gateway_are_two_stories(state: State) -> None:
    take(
        state,
        ("one", 0, (ip("192.0.2.8"), resource(GATEWAY))),
        ("two", 0, (ip("192.0.2.9"), resource(GATEWAY))),
    )
    assert len(stories(state)) == 2


@pytest.mark.parametrize("first", ["who", "what"])
def test_an_alert_of_a_resource_alone_belongs_to_who_acts_on_it(state: State, first: str) -> None:
    who, what = ("who", 0.0, (ip("192.0.2.8"), resource(GATEWAY))), ("what", 1.0, (resource(GATEWAY),))
    take(state, *((who, what) if first == "who" else (what, who)))
    assert stories(state) == {frozenset({"who", "what"})}


def test_a_part_of_a_resource_is_the_resource(state: State) -> None:
    who = ("who", 0.0, (ip("192.0.2.8"), resource(f"{GATEWAY}/blobservices/default")))
    take(state, who, ("what", 1.0, (resource(GATEWAY),)))
    assert stories(state) == {frozenset({"who", "what"})}


@pytest.mark.parametrize("id_", ["/subscriptions/s", "/subscriptions/s/resourcegroups/g"])
def test_a_subscription_is_no_thing_that_ties(state: State, id_: str) -> None:
    take(state, ("one", 0, (resource(id_),)), ("two", 0, (resource(id_),)))
    assert len(stories(state)) == 2


def test_a_machine_is_one_under_all_its_names(lake: Lake, state: State) -> None:
    machine = {"id": MACHINE, "type": "Microsoft.Compute/virtualMachines", "name": "vm-1", "properties": {}}
    where = {"name": "a", "properties": {"privateIPAddress": "10.0.0.4", "subnet": {"id": "/x"}}}
    card = {
        "id": CARD, "type": "Microsoft.Network/networkInterfaces", "name": "nic-1",
        "properties": {"virtualMachine": {"id": MACHINE}, "ipConfigurations": [where]},
    }  # fmt: skip
    EstateStore(lake.data).append(
        Estate.of([Resource.of(machine), Resource.of(card)], Coverage.cover_everything()), NOON
    )
    around = load_enrichment_context(lake, "default", NOON)
    take(
        state,
        ("host", 0, (host("VM-1"),)),
        ("address", 0, (ip("10.0.0.4"),)),
        ("card", 0, (resource(CARD.lower()),)),
        ("machine", 0, (resource(MACHINE.lower()),)),
        ("another", 0, (host("vm-2"),)),
        around=around,
    )
    assert stories(state) == {frozenset({"host", "address", "card", "machine"}), frozenset({"another"})}


def test_shared_addresses_come_from_watchlists_and_sign_ins(lake: Lake, put: Callable[..., None]) -> None:
    lake.watchlists.save("default", "KnownEgress", "Address", [{"Address": "198.51.100.4"}])
    rows = [
        {
            "TimeGenerated": NOON,
            "UserPrincipalName": f"u{number}@contoso.com",
            "IPAddress": address,
            "ResultType": result,
        }
        for number in range(SHARED_BY)
        for address, result in (("198.51.100.9", "0"), ("192.0.2.8", "50126"))
    ]
    put("SigninLogs", *rows)
    later = NOON + timedelta(hours=1)
    assert load_enrichment_context(lake, "default", later).common == {"198.51.100.4", "198.51.100.9"}


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("203.0.113.77", True),
        ("203.0.114.1", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("vm-1", False),
    ],
)
def test_ranges_in_watchlists_are_addresses_of_many(lake: Lake, address: str, shared: bool) -> None:
    items = [{"Address": one} for one in ("203.0.113.0/24", "2001:db8::/32", "no/range")]
    lake.watchlists.save("default", "KnownEgress", "Address", items)
    assert load_enrichment_context(lake, "default", NOON).is_shared_address(address) is shared


def test_the_schedule_knows_what_is_around(
    lake: Lake, state: State, put: Callable[..., None], tmp_path: Path
) -> None:
    lake.watchlists.save("default", "KnownEgress", "Address", [{"Address": "198.51.100.4"}])
    rows = [
        {"TimeGenerated": NOON, "UserPrincipalName": name, "IPAddress": "198.51.100.4", "ResultType": "50126"}
        for name in ("kim@contoso.com", "ali@contoso.com")
    ]
    put("SigninLogs", *rows)
    document = {
        "id": "r", "name": "r", "queryFrequency": "1h", "queryPeriod": "1h", "query": "SigninLogs",
        "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
        "entityMappings": [
            {"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "IPAddress"}]},
            {"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "UserPrincipalName"}]},
        ],
    }  # fmt: skip
    schedule = Schedule(lake, state, [AnalyticRule.parse(document, Place("r.yaml"))], "default")
    list(schedule.tick(NOON + timedelta(minutes=66)))
    assert len(state.incidents.list_newest("default")) == 2
