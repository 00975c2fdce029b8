"""Threat intelligence of a MISP server, by its REST API.

Source: https://www.misp-project.org/openapi/#tag/Attributes/operation/restSearchAttributes
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from threading import Event
from typing import Annotated

import msgspec
from msgspec import Meta

from nephoscope.ingest.live import credential_validation, privileged_settings
from nephoscope.ingest.live import validators as wanted
from nephoscope.ingest.live.live_source import WHOLE, QuarantinedInput, SourceContext, SourceKind, SourceSink
from nephoscope.ingest.live.misp_events import MispEvents
from nephoscope.ingest.source_failures import SourceError
from nephoscope.ingest.threat_intelligence import misp
from nephoscope.ingest.threat_intelligence.http_client import FeedClient, describe_refusal
from nephoscope.ingest.threat_intelligence.indicator import IntelItem, RefusedItem
from nephoscope.ingest.threat_intelligence.indicator_files import IndicatorFileOptions, complete_item

_PATH = "attributes/restSearch"
#: By what is asked for: its checkpoint. What changed while its event was not published is found by the publication alone.
_WALKS = {"timestamp": "misp", "publish_timestamp": "misp/published"}
_ASKEW = timedelta(hours=1)
"""How far a server's clock may be off where it does not say when events were published."""


class MispSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a MISP source: the server and which of its attributes to read."""

    url: Annotated[str, Meta(description="The server, as in https://misp.example/; https only.")]
    ca: Annotated[str, Meta(description="A PEM file of authorities to trust in place of the system's.")] = ""
    private: Annotated[
        bool, Meta(description="The address may be one that is not public; an owner sets it.")
    ] = False
    tags: Annotated[
        list[str], Meta(description="Only attributes with one of these tags; ! before a tag leaves out.")
    ] = msgspec.field(default_factory=list)
    types: Annotated[list[str], Meta(description="Types of attributes, such as ip-dst; without any all.")] = (
        msgspec.field(default_factory=list)
    )
    published: Annotated[bool, Meta(description="Only attributes of events that are published.")] = True
    poll: Annotated[float, Meta(description="Seconds between two rounds.", gt=0)] = 900.0
    begin: Annotated[float, Meta(description="How far back the first round asks, in seconds.", gt=0)] = (
        2_592_000.0
    )
    page: Annotated[int, Meta(description="Attributes of a page.", ge=1, le=10_000)] = 2000
    confidence: Annotated[
        int,
        Meta(
            description="The confidence of attributes without a tag that says it; -1 = by the threat level of their event.",
            ge=-1,
            le=100,
        ),
    ] = -1
    days: Annotated[int, Meta(description="How long an indicator holds, in days; 0 = for ever.", ge=0)] = 90


@dataclass(slots=True)
class MispSource:
    """Asks page by page for attributes that changed, or whose events were published, since.

    Those deleted or no longer for detection take their indicators back, and so do events that are deleted or published no more.
    """

    settings: MispSettings
    around: SourceContext

    def test(self) -> str:
        """Ask for the server's version."""
        with self._open_client(Event()) as asker:
            reply = asker.ask("GET", "servers/getVersion")
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise describe_refusal(self.settings.url, reply)
        return f"MISP {str(reply.body.get('version', 'of an unknown version'))[:40]}"

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Ask, wait, until stopped; raises SourceError."""
        with self._open_client(stop) as asker:
            while not stop.is_set():
                for by in _WALKS if self.settings.published else ("timestamp",):
                    while self._read_page(asker, sink, by):
                        sink.report_health(lag=float(self.settings.page))
                        if stop.is_set():
                            return
                sink.report_health(lag=0.0)
                self._open_events(sink).retire(asker)
                sink.report_working(WHOLE)
                stop.wait(self.settings.poll)

    def _open_events(self, sink: SourceSink) -> MispEvents:
        return MispEvents(sink, self.settings.url, self.settings.published)

    def _read_page(self, asker: FeedClient, sink: SourceSink, by: str) -> bool:
        """Ask for the next page of what is newer by one of its times, and keep it; whether there may be more."""
        at = dict(sink.get_checkpoint(_WALKS[by]) or self._begin_progress())
        if not at["page"]:
            at |= {"page": 1, "newest": at["since"]}
        reply = asker.ask("POST", _PATH, body=self._build_search(at, by))
        if reply.status != 200:
            raise describe_refusal(f"{self.settings.url}{_PATH}", reply)
        if not misp.is_answer(reply.body):
            raise SourceError(f"{self.settings.url}{_PATH}: the answer holds no attributes: {reply.said}")
        found = list(misp.list_attributes(reply.body))
        number = int(at["number"]) + 1
        reported_ids = self._keep_page(reply.body, by, number, sink, frozenset(at.get("told", ())))
        newest = max([int(at["newest"]), *self._list_change_seconds(found, by)])
        more = len(found) >= self.settings.page
        seen = sha256(msgspec.json.encode(reply.body)).hexdigest()
        if more and seen == at.get("seen"):
            # the next round begins at the first page again
            sink.save_checkpoint(_WALKS[by], {"since": at["since"], "page": 0, "number": number})
            raise SourceError(f"{self.settings.url}{_PATH}: returns the same page for every page number")
        # the second of the newest is asked for again: more may come in it, and what is known changes nothing
        sink.save_checkpoint(
            _WALKS[by],
            {
                "since": at["since"],
                "newest": newest,
                "page": at["page"] + 1,
                "number": number,
                "seen": seen,
                "told": reported_ids,
            }
            if more
            else {"since": newest, "newest": newest, "page": 0, "number": number, "told": reported_ids},
        )
        return more

    def _begin_progress(self) -> dict[str, object]:
        since = self.around.clock() - timedelta(seconds=self.settings.begin)
        return {"since": int(since.timestamp()), "page": 0, "number": 0}

    def _list_change_seconds(
        self, found: Iterable[tuple[str, object, dict[str, object]]], by: str
    ) -> Iterator[int]:
        """The seconds that attributes were changed in, or their events published: where that is not said the next round asks for
        the last hour again. A time to come does not count: what changes until then would never be asked for."""
        now = self.around.clock()
        for _, one, event in found:
            seconds = _get_seconds(one) if by == "timestamp" else misp.get_publication_time(event)
            if seconds <= (now + _ASKEW).timestamp():
                yield seconds or (0 if by == "timestamp" else int((now - _ASKEW).timestamp()))

    def _build_search(self, at: dict[str, object], by: str) -> dict[str, object]:
        chosen = self.settings
        wanted: dict[str, object] = {
            "returnFormat": "json",
            by: at["since"],
            "page": at["page"],
            "limit": chosen.page,
            "to_ids": [0, 1],
            "deleted": [0, 1],
            "includeContext": True,
            "includeEventTags": True,
            "order": "Attribute.timestamp asc",
        }
        if chosen.published:
            wanted["published"] = 1
        if chosen.tags:
            wanted["tags"] = chosen.tags
        if chosen.types:
            wanted["type"] = chosen.types
        return wanted

    def _keep_page(
        self, body: object, by: str, number: int, sink: SourceSink, reported_ids: frozenset[str]
    ) -> list[str]:
        """Keep what a page says; what is wrong with it, as digests: the newest come again in the next round and are told once."""
        chosen = self.settings
        confidence = None if chosen.confidence < 0 else chosen.confidence
        found = list(misp.read_items(body, self.around.clock(), confidence=confidence))
        reading = IndicatorFileOptions(days=chosen.days)
        good = [one for one in found if not isinstance(one, RefusedItem)]
        kept = sink.store_indicators(
            [complete_item(one, reading) if isinstance(one, IntelItem) else one for one in good]
        )
        self._open_events(sink).add_answer(body, good)
        name = f"{chosen.url}{_PATH}"
        several = (*kept.refused, *(one for one in found if isinstance(one, RefusedItem)))
        bad = {sha256(f"{one.reason}\0{one.raw}".encode()).hexdigest()[:16]: one for one in several}
        new = tuple(
            QuarantinedInput(name, one.place, one.reason, one.raw)
            for key, one in bad.items()
            if key not in reported_ids
        )
        if new:
            sink.write_batch("attributes" if by == "timestamp" else "published", number, refused=new)
        return sorted(bad)

    def _open_client(self, stop: Event) -> FeedClient:
        headers = {"Accept": "application/json", "Authorization": self.around.get_secret("key")}
        return FeedClient(
            self.settings.url, headers, None, self.settings.ca, self.settings.private, stop=stop
        )


def _get_seconds(attribute: object) -> int:
    text = str(attribute.get("timestamp", "")) if isinstance(attribute, dict) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 11 else 0


def check(settings: MispSettings, around: SourceContext) -> None:
    """Raise SourceSettingsError for a server or a key that cannot be, SourceError for a file that is not there."""
    wanted.validate_url("url", settings.url, "https://HOST/")
    if not settings.private:
        wanted.validate_public_url("url", settings.url)
    credential_validation.validate_header("key", around.get_secret("key"))
    wanted.validate_authority_file("ca", settings.ca)


KIND = SourceKind(
    "misp",
    "Threat intelligence of a MISP server",
    MispSettings,
    MispSource,
    {"key": "The authentication key of a user with read access."},
    check=check,
    binds=frozenset({"url", "ca", "private"}),
    uses=lambda _: ("key",),
    owned={"ca": privileged_settings.declare_file_setting("ca"), "private": privileged_settings.PRIVATE},
    label="MISP",
)
