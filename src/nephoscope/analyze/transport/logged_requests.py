"""Logged requests: how many came over which protocol and version of TLS, with the callers of those that are not secure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope.analyze.transport.log_ages import ArrivedRows, find_stale
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import FileAggregate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.estate.estate_view import EstateView

#: Days that are looked back.
DAYS = 30
_SECURE = "'TLS 1.2', 'TLS 1.3', 'TLS1_2', 'TLS1_3', 'TLSv1.2', 'TLSv1.3', 'TLS1.2', 'TLS1.3'"
_TLS = re.compile(r"1[._](\d)")
#: Versions of TLS by the number that a handshake has for them.
_NUMBERS = {"768": "SSL 3.0", "769": "TLS 1.0", "770": "TLS 1.1", "771": "TLS 1.2", "772": "TLS 1.3"}
#: The oldest version of TLS that is no weakness.
_OLDEST = 2


class RequestLog(msgspec.Struct, frozen=True):
    """A table of requests, and which KQL tells of a row its protocol, TLS version, caller, client, and whether it was turned away."""

    table: str
    protocol: str
    tls: str
    caller: str
    client: str
    refused: str = "false"
    where: str = ""

    def build_aggregate(self) -> FileAggregate:
        """Return the requests of each day by what they have in common; callers are told apart where it is not known as safe."""
        by_file = f"""{self.table}{self.where}
| extend Protocol = {self.protocol}, Tls = {self.tls}, Refused = {self.refused}
| extend Named = Tls !in ({_SECURE}) or Protocol =~ 'HTTP'
| summarize Requests = count(), First = min(TimeGenerated), Last = max(TimeGenerated) by Day = bin(TimeGenerated, 1d), _ResourceId,
    Workspace = column_ifexists('TenantId', ''), Protocol, Tls, Refused, Caller = iff(Named, {self.caller}, ''),
    Client = iff(Named, {self.client}, '')"""
        merge = f"""Groups
| where Day > ago({DAYS}d)
| summarize Requests = sum(Requests), First = min(First), Last = max(Last)
    by _ResourceId, Workspace, Protocol, Tls, Refused, Caller, Client"""
        return FileAggregate(self.table, by_file, merge)


class RequestGroup(msgspec.Struct, frozen=True):
    """Requests that have all of these in common; `weakness` is '' for secure ones and None where the log does not tell.

    `stale` says why they decide nothing any more, '' where they do: no row of the table arrives since.
    """

    resource: str
    table: str
    weakness: str | None
    caller: str
    client: str
    refused: bool
    requests: int
    first: datetime
    last: datetime
    workspace: str
    stale: str = ""


def strip_port(column: str) -> str:
    """Return KQL for the address in a column that may have a port after it."""
    return f"iff({column} has '.', tostring(split({column}, ':')[0]), {column})"


def read_requests(view: EstateView, logs: Iterable[RequestLog]) -> list[RequestGroup]:
    """Read the requests of the last days of every log that has rows. Raises DataNotCollectedError where none has."""
    found: list[RequestGroup] = []
    gaps: list[str] = []
    for log in logs:
        try:
            found += _list_request_groups(view, log)
        except DataNotCollectedError as gap:
            gaps.append(gap.what)
    if gaps and not found:
        raise DataNotCollectedError("; ".join(dict.fromkeys(gaps)))
    arrived = (ArrivedRows(one.resource, one.table, one.workspace, one.last) for one in found)
    stale = find_stale(arrived, view.clock)
    return [msgspec.structs.replace(one, stale=stale.get((one.resource, one.table), "")) for one in found]


def _list_request_groups(view: EstateView, log: RequestLog) -> Iterator[RequestGroup]:
    for row in view.aggregate(log.build_aggregate()):
        first, last, requests = row["First"], row["Last"], row["Requests"]
        if not (isinstance(first, datetime) and isinstance(last, datetime) and isinstance(requests, int)):
            continue
        yield RequestGroup(
            str(row["_ResourceId"]).lower(),
            log.table,
            find_weakness(str(row["Protocol"]), str(row["Tls"])),
            str(row["Caller"] or ""),
            str(row["Client"] or ""),
            bool(row["Refused"]),
            requests,
            first,
            last,
            str(row["Workspace"] or ""),
        )


def find_weakness(protocol: str, tls: str) -> str | None:
    """Name what makes a request insecure: '' for nothing, None where neither the protocol nor the version tells."""
    if protocol.upper() == "HTTP":
        return "HTTP without encryption"
    name = _NUMBERS.get(tls, tls)
    if name.upper().startswith("SSL"):
        return name
    version = _TLS.search(name)
    if version is None:
        return None
    return "" if int(version[1]) >= _OLDEST else f"TLS 1.{version[1]}"
