"""The activity log of subscriptions, over Resource Manager.

Source: https://learn.microsoft.com/rest/api/monitor/activity-logs/list
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

_VERSION = "2015-04-01"
_PERMISSION = "the role Reader on the subscription"


class ActivityLogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of an activity log source: subscriptions and sign-in."""

    subscriptions: Annotated[list[str], Meta(description="Ids of subscriptions.", min_length=1)]
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
    poll: Annotated[float, Meta(description="Seconds between two rounds.", gt=0)] = 60.0
    overlap: Annotated[
        float,
        Meta(description="How late an event may come, in seconds: so far back each round asks again.", ge=0),
    ] = 1200.0
    begin: Annotated[
        float,
        Meta(
            description="How far back the first round goes, in seconds (Azure keeps 90 days).",
            gt=0,
            le=7_776_000,
        ),
    ] = 86_400.0


@dataclass(slots=True)
class ActivityLogSource:
    """Asks subscription by subscription; the events of each have a feed of their own."""

    settings: ActivityLogSettings
    around: SourceContext

    def test(self) -> str:
        """Sign in and ask every subscription for the last five minutes."""
        now, counts = self.around.clock(), []
        with self._open_client() as asked:
            for subscription in self.settings.subscriptions:
                ask = _make_fetch(asked, subscription)
                counts.append(sum(map(len, ask(now - timedelta(minutes=5), now))))
        return f"{len(counts)} subscription(s), {sum(counts)} event(s) of the last five minutes"

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Ask, wait, until stopped; raises SourceError when no subscription can be asked."""
        chosen = self.settings
        overlap, begin = timedelta(seconds=chosen.overlap), timedelta(seconds=chosen.begin)
        with self._open_client(stop) as asked:
            pollers = [
                Poller(subscription, sink, stop, _make_fetch(asked, subscription), overlap, begin)
                for subscription in chosen.subscriptions
            ]
            run_poll_loop(pollers, sink, stop, "subscription:", self.around.clock, chosen.poll)

    def _open_client(self, stop: Event | None = None) -> AbstractContextManager[RestClient]:
        access = SourceAccess(self.settings.credential, self.settings.cloud, self.settings.tenant)
        cloud = access.endpoints
        return open_rest_client(cloud.resource_manager, cloud.resource_manager_scope, access, stop)


def _make_fetch(
    asked: RestClient, subscription: str
) -> Callable[[datetime, datetime], Iterator[list[PolledEvent]]]:
    """Asks for the events of a window of one subscription, page by page."""

    def ask(start: datetime, end: datetime) -> Iterator[list[PolledEvent]]:
        span = f"eventTimestamp ge '{format_filter_time(start)}' and eventTimestamp le '{format_filter_time(end)}'"
        path = (
            f"/subscriptions/{quote(subscription)}/providers/Microsoft.Insights/eventtypes/management/values"
            f"?api-version={_VERSION}&$filter={quote(span)}"
        )
        for page in fetch_pages(asked, path, f"activity log of {subscription}", _PERMISSION):
            yield [_make_found(event, end) for event in page]

    return ask


def _make_found(event: dict[str, object], end: datetime) -> PolledEvent:
    """An event of a page; one without a time of its own is kept by its id as long as one of the window's end."""
    at = parse_moment(event.get("eventTimestamp")) or end
    name = event.get("id") or event.get("eventDataId")
    id_ = str(name) if name else msgspec.json.encode(event, order="deterministic").decode()
    return PolledEvent(digest(id_.encode()), at, event)


def check(settings: ActivityLogSettings, _: SourceContext) -> None:
    """Raise SourceSettingsError for subscriptions, a tenant or a cloud that cannot be."""
    for one in settings.subscriptions:
        validators.validate_guid("subscriptions", one)
    validators.validate_tenant(settings.tenant)
    validators.validate_cloud(settings.cloud)


KIND = SourceKind(
    "activity_log",
    "The activity log of subscriptions",
    ActivityLogSettings,
    ActivityLogSource,
    check=check,
    owned={"credential": privileged_settings.IDENTITY, "cloud": privileged_settings.CLOUD},
    label="Activity log",
)
