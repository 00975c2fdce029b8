"""Enrichment context of alerts: aliases of machines and accounts, and addresses that many people share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.alerts.rules.query_result import iterate_findings
from nephoscope.alerts.suppression.watchlist_items import open_watchlist_items
from nephoscope.estate.network import INTERFACE_TYPE
from nephoscope.estate.network_interfaces import get_reference, parse_interface
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.tenant_stores import build_version_mark, load_newest
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.entity import Entity

if TYPE_CHECKING:
    from nephoscope.estate.estate import Estate
    from nephoscope.lake.lake import Lake
    from nephoscope_policy.model.resource import Resource

#: Watchlists whose addresses stand for many: offices and VPNs, scanners, resolvers.
COMMON_LISTS = ("KnownEgress", "KnownScanners", "KnownResolvers")
#: From so many accounts on that sign in from it within the days before, an address is an office's or a VPN's.
SHARED_BY = 20
SHARED_WITHIN = timedelta(days=7)
_MACHINES = ("microsoft.compute/virtualmachines", "microsoft.hybridcompute/machines")
_ACCOUNTS = ("microsoft.graph/users", "microsoft.graph/serviceprincipals")


@dataclass(frozen=True, slots=True)
class EnrichmentContext:
    """`same` maps a name of an entity to the one name of what it belongs to; `common` and `ranges` are addresses of many."""

    same: Mapping[str, str] = field(default_factory=dict)
    common: frozenset[str] = frozenset()
    ranges: tuple[IPv4Network | IPv6Network, ...] = ()

    def expand_keys(self, keys: Iterable[str]) -> list[str]:
        """The keys, and the names that stand for the same."""
        given = list(keys)
        return list(dict.fromkeys([*given, *(self.same[key] for key in given if key in self.same)]))

    def is_shared_address(self, address: str) -> bool:
        """Return whether an address, in lower case, stands for many."""
        if address in self.common or not self.ranges:
            return address in self.common
        try:
            place = ip_address(address)
        except ValueError:
            return False
        return any(place in one for one in self.ranges if one.version == place.version)


NOWHERE = EnrichmentContext()


def load_enrichment_context(lake: Lake, workspace: str, now: datetime) -> EnrichmentContext:
    """Return what is known now: from the newest estate, the watchlists, and who signed in from where."""
    items = open_watchlist_items(lake, workspace)
    listed = {one.lower() for alias in COMMON_LISTS for one in items(alias)}
    ranges = tuple(
        found for one in sorted(listed) if "/" in one and (found := _parse_network(one)) is not None
    )
    return EnrichmentContext(
        _load_estate_names(lake.data),
        frozenset(listed | _find_shared_addresses(lake, workspace, now)),
        ranges,
    )


def _parse_network(text: str) -> IPv4Network | IPv6Network | None:
    """A range; None for what a person wrote that is none: no address lies in it."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _find_shared_addresses(lake: Lake, workspace: str, now: datetime) -> set[str]:
    text = (
        "SigninLogs | where ResultType == '0' | summarize Accounts = dcount(UserPrincipalName) by IPAddress "
        f"| where Accounts >= {SHARED_BY} | project IPAddress"
    )
    span = RowSpan(now - SHARED_WITHIN, now, now)
    with lake.reading(workspace) as reading:
        compiled = reading.compile(text, now)
        if reading.empty(compiled, span):
            return set()
        return {
            row.get_text("IPAddress").lower() for row in iterate_findings(reading.rows(compiled, text, span))
        }


def _load_estate_names(data: Path) -> Mapping[str, str]:
    mark = build_version_mark(data)
    return _load_unique_names(data, mark) if mark else {}


@lru_cache(maxsize=8)
def _load_unique_names(data: Path, mark: str) -> Mapping[str, str]:  # noqa: ARG001 - a new snapshot is read anew
    """Name -> the one name, of machines and accounts; names that several have lead nowhere."""
    found: dict[str, set[str]] = defaultdict(set)
    for estate in load_newest(data):
        for key, name in (*_list_machine_names(estate), *_list_account_names(estate)):
            found[key].add(name)
    return {key: next(iter(names)) for key, names in found.items() if len(names) == 1}


def _read_key(kind: str, **identifiers: str) -> str:
    entity = Entity.of(kind, identifiers)
    return entity.key if entity is not None else ""


def _list_machine_names(estate: Estate) -> Iterator[tuple[str, str]]:
    """The names of machines: resource, host, network interface, address."""
    for kind in _MACHINES:
        for one in estate.list_of_type(kind):
            name = _format_resource_name("machine", one)
            yield _read_key("AzureResource", ResourceId=one.key), name
            yield _read_key("Host", AzureID=one.key), name
            yield _read_key("Host", HostName=one.key.rpartition("/")[2]), name
    for card in estate.list_of_type(INTERFACE_TYPE):
        machine = get_reference(get_properties(card).get("virtualMachine"))
        if machine:
            name = f"machine|{machine.lower()}"
            yield _read_key("AzureResource", ResourceId=card.key), name
            for configuration in parse_interface(card.key, get_properties(card)).configurations:
                if configuration.address:
                    yield _read_key("IP", Address=configuration.address), name


def _list_account_names(estate: Estate) -> Iterator[tuple[str, str]]:
    """The names of accounts: object id, UPN, application id; logs write any of them."""
    for kind in _ACCOUNTS:
        for one in estate.list_of_type(kind):
            body: dict[str, object] = get_properties(one)
            id_, name = str(body.get("id") or ""), _format_resource_name("account", one)
            upn, app = str(body.get("userPrincipalName") or ""), str(body.get("appId") or "")
            for text in filter(None, (id_, app)):
                yield _read_key("Account", AadUserId=text), name
                yield _read_key("Account", Name=text), name
            if app:
                yield _read_key("CloudApplication", AppId=app), name
                yield _read_key("Account", Name=str(body.get("displayName") or app)), name
            if "@" in upn:
                user, _, suffix = upn.rpartition("@")
                yield _read_key("Account", Name=user, UPNSuffix=suffix), name


def _format_resource_name(kind: str, one: Resource) -> str:
    return f"{kind}|{one.key}"
