"""Sign-ins, audits, risk detections and risky users of a tenant, over Microsoft Graph.

Source: https://learn.microsoft.com/graph/api/signin-list, .../directoryaudit-list, .../riskdetection-list, .../riskyuser-list
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from nephoscope.ingest.live import privileged_settings, validators
from nephoscope.ingest.live.byte_range import digest
from nephoscope.ingest.live.live_source import SourceContext, SourceKind, SourceSink
from nephoscope.ingest.live.poll_loop import run_poll_loop
from nephoscope.ingest.live.rest_clients import (
    SourceAccess,
    fetch_pages,
    format_filter_time,
    open_rest_client,
)
from nephoscope.ingest.live.time_window_polling import PolledEvent, Poller
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from nephoscope.connect.read_only_client import RestClient


@dataclass(frozen=True, slots=True)
class GraphListing:
    """Listing of one kind in Microsoft Graph: path, the property of its time windows, maximum page size, required permission.

    `changes`: the same element comes again when it changes, and every state of it is a row.
    """

    path: str
    time: str
    top: int
    permission: str
    changes: bool = False


READS = {
    "sign_ins": GraphListing("/v1.0/auditLogs/signIns", "createdDateTime", 999, "AuditLog.Read.All"),
    "directory_audits": GraphListing("/v1.0/auditLogs/directoryAudits", "activityDateTime", 999, "AuditLog.Read.All"),
    "risk_detections": GraphListing(
        "/v1.0/identityProtection/riskDetections", "lastUpdatedDateTime", 500, "IdentityRiskEvent.Read.All", changes=True
    ),
    "risky_users": GraphListing(
        "/v1.0/identityProtection/riskyUsers", "riskLastUpdatedDateTime", 500, "IdentityRiskyUser.Read.All", changes=True
    ),
}  # fmt: skip
_Reads = Literal["sign_ins", "directory_audits", "risk_detections", "risky_users"]


class GraphSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a Microsoft Graph source: what to read, and sign-in."""

    reads: Annotated[
        list[_Reads],
        Meta(
            description="What to read: sign_ins, directory_audits, risk_detections, risky_users.",
            min_length=1,
        ),
    ] = msgspec.field(
        default_factory=lambda: ["sign_ins", "directory_audits", "risk_detections", "risky_users"]
    )
    credential: Annotated[
        Literal[
            "default",
            "developer",
            "service-principal",
            "managed-identity",
            "workload-identity",
            "environment",
        ],
        Meta(description="How to sign in, as for collecting an estate."),
    ] = "default"
    tenant: Annotated[str, Meta(description="Tenant to sign in to (default: the credential's own).")] = ""
    cloud: Annotated[
        str, Meta(description="Which cloud: public, usgovernment, china, or a file of its endpoints.")
    ] = "public"
    poll: Annotated[float, Meta(description="Seconds between two rounds.", gt=0)] = 120.0
    overlap: Annotated[
        float,
        Meta(description="How late an event may come, in seconds: so far back each round asks again.", ge=0),
    ] = 1800.0
    begin: Annotated[
        float,
        Meta(
            description="How far back the first round goes, in seconds (Graph keeps 30 days).",
            gt=0,
            le=2_592_000,
        ),
    ] = 86_400.0


@dataclass(slots=True)
class GraphSource:
    """Asks kind by kind; a kind that is refused is told and the others go on."""

    settings: GraphSettings
    around: SourceContext

    def test(self) -> str:
        """Sign in and ask for the last five minutes of every kind."""
        now = self.around.clock()
        with self._open_client() as asked:
            said = [
                f"{name}: {sum(map(len, _make_fetch(asked, name)(now - timedelta(minutes=5), now)))}"
                for name in self.settings.reads
            ]
        return f"of the last five minutes: {', '.join(said)}"

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Ask, wait, until stopped; raises SourceError when nothing can be read."""
        chosen = self.settings
        overlap, begin = timedelta(seconds=chosen.overlap), timedelta(seconds=chosen.begin)
        with self._open_client(stop) as asked:
            pollers = [
                Poller(name, sink, stop, _make_fetch(asked, name), overlap, begin) for name in chosen.reads
            ]
            run_poll_loop(pollers, sink, stop, "read:", self.around.clock, chosen.poll)

    def _open_client(self, stop: Event | None = None) -> AbstractContextManager[RestClient]:
        access = SourceAccess(self.settings.credential, self.settings.cloud, self.settings.tenant)
        return open_rest_client(access.endpoints.graph, access.endpoints.graph_scope, access, stop)


def _make_fetch(asked: RestClient, name: str) -> Callable[[datetime, datetime], Iterator[list[PolledEvent]]]:
    """Asks for the elements of a window of one kind, page by page."""
    read = READS[name]

    def ask(start: datetime, end: datetime) -> Iterator[list[PolledEvent]]:
        span = f"{read.time} ge {format_filter_time(start)} and {read.time} le {format_filter_time(end)}"
        path = f"{read.path}?$filter={quote(span)}&$top={read.top}"
        for page in fetch_pages(asked, path, name, read.permission):
            yield [_make_found(read, element, end) for element in page]

    return ask


def _make_found(read: GraphListing, element: dict[str, object], end: datetime) -> PolledEvent:
    """An element; one that changes is another in each of its states."""
    given = element.get(read.time)
    id_ = str(element.get("id") or msgspec.json.encode(element, order="deterministic").decode())
    return PolledEvent(
        digest(f"{id_}\0{given if read.changes else ''}".encode()), parse_moment(given) or end, element
    )


def check(settings: GraphSettings, _: SourceContext) -> None:
    """Raise SourceSettingsError for a tenant or a cloud that cannot be."""
    validators.validate_tenant(settings.tenant)
    validators.validate_cloud(settings.cloud)


KIND = SourceKind(
    "graph",
    "Sign-ins, audits and identity risk over Microsoft Graph",
    GraphSettings,
    GraphSource,
    check=check,
    owned={"credential": privileged_settings.IDENTITY, "cloud": privileged_settings.CLOUD},
    label="Microsoft Graph",
)
