"""Management places: the places of each administrator over the activity log and the sign-ins together.

A place is a country and network, as the sign-ins from an address tell it, else the address range. A day in a place counts once,
however much was done, so that a script does not outweigh a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import msgspec

from nephoscope.identity.risk_reader import quote_kql_text
from nephoscope.identity.risk_rows import query_lake
from nephoscope.lake.queries.time_span import RowSpan

if TYPE_CHECKING:
    from nephoscope.identity.administrators import Administrator
    from nephoscope.lake.lake import Lake

#: How far back use is looked for.
DAYS = 90
#: A place is new for so many days, and only for who was seen for as long before.
NEW_DAYS = 7
_AT_ONCE = 500
_ACTIVITY = """
AzureActivity
| where tolower(Caller) in ({names})
| summarize Days = make_set(startofday(TimeGenerated)), First = min(TimeGenerated), Last = max(TimeGenerated), Events = count()
    by Name = tolower(Caller), Address = CallerIpAddress
| extend Source = 'activity', Country = '', Network = '', Manages = true
"""
#: Portals and tools that manage Azure or the directory, by application id, and Azure Resource Manager as the resource.
_MANAGES = (
    "AppId in~ ('c44b4083-3bb0-49c1-b47d-974e53cbdf3c', '04b07795-8ddb-461a-bbee-02f9e1bf7b46', "
    "'1950a258-227b-4e31-a9cf-717495945fc2', '14d82eec-204b-4c2f-b7e8-296a70dab67e') "
    "or ResourceIdentity =~ '797f4846-ba00-4fd7-ba43-dac1f8f63013' "
    "or ResourceDisplayName in~ ('Windows Azure Service Management API', 'Azure Resource Manager', 'Azure Portal')"
)
_SIGN_INS = """
{table}
| where ResultType == '0' and (tolower({id}) in ({{names}}) or tolower({name}) in ({{names}}))
| extend Manages = {manages}
| summarize Days = make_set(startofday(TimeGenerated)), First = min(TimeGenerated), Last = max(TimeGenerated), Events = count()
    by Name = tolower({id}), Address = IPAddress, Country = Location, Network = tostring(AutonomousSystemNumber), Manages
| extend Source = '{source}'
"""
_QUERIES = (
    _ACTIVITY,
    *(
        _SIGN_INS.format(table=table, id=id_, name=name, manages=_MANAGES, source=source)
        for table, id_, name, source in (
            ("SigninLogs", "UserId", "UserPrincipalName", "sign-in"),
            ("AADNonInteractiveUserSignInLogs", "UserId", "UserPrincipalName", "sign-in"),
            ("AADServicePrincipalSignInLogs", "ServicePrincipalId", "AppId", "service principal sign-in"),
        )
    ),
)


class ManagementPlace(msgspec.Struct, frozen=True):
    """A place that an administrator manages Azure from: `share` is the part of the days, `new` says that it is one of this week."""

    administrator: str
    country: str
    network: str
    addresses: tuple[str, ...]
    sources: tuple[str, ...]
    days: int
    events: int
    share: float
    first: datetime
    last: datetime
    new: bool


class AdministratorUse(msgspec.Struct, frozen=True):
    """Use of an administrator within the last days: the places, and the last management and sign-in (None = none)."""

    places: tuple[ManagementPlace, ...] = ()
    last_managed: datetime | None = None
    last_sign_in: datetime | None = None


@dataclass(frozen=True, slots=True)
class ManagementEvents:
    """Events of one log about a principal at an address."""

    name: str
    address: str
    country: str
    network: str
    source: str
    manages: bool
    days: frozenset[str]
    events: int
    first: datetime
    last: datetime


@dataclass(slots=True)
class _PlaceTotals:
    addresses: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    events: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, one: ManagementEvents) -> None:
        self.addresses.add(one.address)
        self.sources.add(one.source)
        self.days |= one.days
        self.events += one.events
        self.first = one.first if self.first is None else min(self.first, one.first)
        self.last = one.last if self.last is None else max(self.last, one.last)


@dataclass(frozen=True, slots=True)
class LakeNames:
    """The lower-cased names and ids by which logs name administrators, each with the id of its owner."""

    owner: dict[str, str]

    @classmethod
    def of(cls, administrators: Iterable[Administrator]) -> LakeNames:
        """Return the names of administrators."""
        return cls(
            {
                name: one.id
                for one in administrators
                for name in (one.id.lower(), one.name.lower(), one.app_id.lower())
                if name
            }
        )

    def split_into_literals(self) -> Iterator[str]:
        """Yield lists of literals for queries, each of a length that a query may have."""
        names = sorted(self.owner)
        for start in range(0, len(names), _AT_ONCE):
            yield ", ".join(map(quote_kql_text, names[start : start + _AT_ONCE]))


def read_use(
    lake: Lake, workspace: str, administrators: Sequence[Administrator], now: datetime
) -> dict[str, AdministratorUse]:
    """Return the use of administrators by id; one that no log names has none."""
    names = LakeNames.of(administrators)
    events = [one for one in _read_events(lake, workspace, names, now) if one.name in names.owner]
    located = {one.address: (one.country, one.network) for one in events if one.country or one.network}
    several: dict[str, list[ManagementEvents]] = defaultdict(list)
    for one in events:
        several[names.owner[one.name]].append(one)
    return {id_: _sum_up(id_, found, located, now) for id_, found in several.items()}


def _sum_up(
    id_: str, events: Sequence[ManagementEvents], located: dict[str, tuple[str, str]], now: datetime
) -> AdministratorUse:
    managed = [one for one in events if one.manages]
    totals: defaultdict[tuple[str, str], _PlaceTotals] = defaultdict(_PlaceTotals)
    for one in managed:
        totals[_locate_event(one, located)].add(one)
    signed_in = [one.last for one in events if one.source != "activity"]
    return AdministratorUse(
        tuple(_list_places(id_, totals, now)),
        max((one.last for one in managed), default=None),
        max(signed_in, default=None),
    )


def _list_places(
    id_: str, totals: dict[tuple[str, str], _PlaceTotals], now: datetime
) -> Iterator[ManagementPlace]:
    every = sum(len(one.days) for one in totals.values())
    began = min((one.first for one in totals.values() if one.first), default=now)
    recent = now - timedelta(days=NEW_DAYS)
    known = began <= recent - timedelta(days=NEW_DAYS)
    for (country, network), one in sorted(totals.items(), key=lambda item: -len(item[1].days)):
        if one.first is not None and one.last is not None:
            yield ManagementPlace(
                id_, country, network, tuple(sorted(one.addresses)), tuple(sorted(one.sources)), len(one.days), one.events,
                len(one.days) / every, one.first, one.last, known and one.first >= recent,
            )  # fmt: skip


def _locate_event(one: ManagementEvents, located: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """The country and network of an address, or its range where no sign-in tells them."""
    country, network = located.get(one.address, ("", ""))
    if country or network:
        return country, f"AS{network.upper().removeprefix('AS')}" if network else ""
    try:
        length = 24 if ip_address(one.address).version == 4 else 48
    except ValueError:
        return "", one.address
    return "", str(ip_network(f"{one.address}/{length}", strict=False))


def _read_events(lake: Lake, workspace: str, names: LakeNames, now: datetime) -> Iterable[ManagementEvents]:
    span = RowSpan(now - timedelta(days=DAYS), now + timedelta(days=1))
    for some in names.split_into_literals():
        for text in _QUERIES:
            yield from map(
                _read_management_events, query_lake(lake, text.replace("{names}", some), workspace, span=span)
            )


def _read_management_events(row: dict[str, object]) -> ManagementEvents:
    texts = {name: str(value or "") for name, value in row.items()}
    days = row["Days"]
    return ManagementEvents(
        texts["Name"], texts["Address"], texts["Country"], texts["Network"], texts["Source"], bool(row["Manages"]),
        frozenset(map(str, days)) if isinstance(days, list) else frozenset(), int(texts["Events"]),
        datetime.fromisoformat(texts["First"]), datetime.fromisoformat(texts["Last"]),
    )  # fmt: skip
