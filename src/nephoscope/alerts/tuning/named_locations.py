"""Named locations: those of Entra conditional access, and company addresses learned from logs.

Source: https://learn.microsoft.com/graph/api/resources/namedlocation
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.documents.fields import DocumentFields
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.files.json_text import JsonTextError, read_json
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope_kql.cell_formatting import iterate_rows

if TYPE_CHECKING:
    from nephoscope.estate.estate import Estate
    from nephoscope.lake.lake import Lake

TAG = "Entra"
NAMED, EGRESS = "NamedLocations", "KnownEgress"
MAX_BYTES = 4 << 20
PEOPLE, DAYS = 10, 3
"""Accounts that signed in from an address with success, on so many days, for it to be the company's own."""
_PREFIX, _TYPE = "#microsoft.graph.", "microsoft.graph/namedlocations"


class NamedLocationError(ValueError):
    """A file that holds no named locations, and why."""


@dataclass(frozen=True, slots=True)
class SuggestedLocation:
    """An address from which many people sign in: how many, on how many days, and the share of sign-ins that failed."""

    address: str
    accounts: int
    days: int
    failed: float


def read(path: Path) -> list[dict[str, str]]:
    """The items of the watchlist NamedLocations in a file of Graph's; NamedLocationError with the JSON path of what is wrong."""
    try:
        document = read_json(path, MAX_BYTES)
    except JsonTextError as error:
        raise NamedLocationError(f"{path}: {error}") from error
    whole = {"value": document} if isinstance(document, list) else document
    fields = DocumentFields(whole)
    if not fields.has("value"):
        fields = DocumentFields({"value": [whole]})
    found = [item for one in fields.get_objects("value") for item in _read_items(one)]
    if fields.wrong:
        raise NamedLocationError(f"{path}: {'; '.join(fields.wrong)}")
    return found


def list_locations(estate: Estate) -> list[dict[str, str]]:
    """The items of the watchlist NamedLocations that the estate holds; NamedLocationError where one is none."""
    found = []
    for one in sorted(estate.list_of_type(_TYPE), key=lambda each: each.key):
        body = get_properties(one)
        # collected objects are without the type that says what they are
        kind = "ipNamedLocation" if "ipRanges" in body else "countryNamedLocation"
        fields = DocumentFields({"@odata.type": f"{_PREFIX}{kind}", **body})
        found += list(_read_items(fields))
        if fields.wrong:
            raise NamedLocationError(f"{one.key}: {'; '.join(fields.wrong)}")
    return found


def merge_locations(estates: Iterable[Estate]) -> list[dict[str, str]]:
    """Return those of several tenants' estates, each address once: trusted where every tenant that names it trusts it;
    NamedLocationError."""
    found: dict[str, dict[str, str]] = {}
    for one in (one for estate in estates for one in list_locations(estate)):
        known = found.setdefault(one["Address"], one)
        if known["Trusted"] != one["Trusted"]:
            found[one["Address"]] = {**known, "Trusted": "false"}
    return list(found.values())


def _read_items(fields: DocumentFields) -> Iterator[dict[str, str]]:
    kind = fields.get_text("@odata.type", needed=True).removeprefix(_PREFIX)
    name = fields.get_text("displayName", needed=True)
    if kind == "ipNamedLocation":
        trusted = fields.get_flag("isTrusted", default=False)
        for one in fields.get_objects("ipRanges"):
            yield _build_item(_read_range(one), name, "", trusted=trusted)
    elif kind == "countryNamedLocation":
        # Entra has no trusted countries: they are named, and people say in the watchlist which are trusted
        for code in fields.get_texts("countriesAndRegions"):
            yield _build_item(code.upper(), name, code.upper(), trusted=False)
    elif kind:
        fields.add_error(f"@odata.type {kind!r} is neither ipNamedLocation nor countryNamedLocation")


def _read_range(fields: DocumentFields) -> str:
    text = fields.get_text("cidrAddress", needed=True)
    try:
        return str(ip_network(text, strict=False)) if text else ""
    except ValueError:
        fields.add_error(f"cidrAddress {text!r} is not a range such as 203.0.113.0/24")
        return ""


def _build_item(address: str, name: str, country: str, *, trusted: bool) -> dict[str, str]:
    return {
        "Address": address,
        "Name": name,
        "Country": country,
        "Trusted": str(trusted).lower(),
        "Tags": TAG,
    }


def suggest_locations(
    lake: Lake, workspace: str, since: datetime, until: datetime
) -> list[SuggestedLocation]:
    """Addresses that are no trusted location yet, from which many accounts sign in, and seldom fail; those with the most first."""
    text = f"""
        union isfuzzy=true SigninLogs, AADNonInteractiveUserSignInLogs
        | summarize Accounts = dcountif(UserPrincipalName, ResultType == '0'),
            Days = dcountif(bin(TimeGenerated, 1d), ResultType == '0'),
            Failed = countif(ResultType in ('50126', '50053', '50057', '50034')) * 1.0 / count() by IPAddress
        | where Accounts >= {PEOPLE} and Days >= {DAYS} and Failed < 0.2
        | where not(_IsTrustedAddress(IPAddress))
        | project IPAddress, Accounts, Days, Failed
        | order by Accounts desc, IPAddress asc
    """
    table = lake.rows(text, workspace=workspace, now=until, span=RowSpan(since, until))
    rows: Iterator[tuple[Any, ...]] = iterate_rows(table, None)
    return [SuggestedLocation(str(one[0]), int(one[1]), int(one[2]), float(one[3])) for one in rows]
