"""The events that indicators of a MISP server come from: those that are deleted or published no more take theirs back.

MISP tells of a deleted event nothing but that it is not there, so that those which gave indicators are asked for again, some a round.
Source: https://www.misp-project.org/openapi/#tag/Events/operation/restSearchEvents
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

from nephoscope.ingest.live.live_source import SourceSink
from nephoscope.ingest.source_failures import SourceError
from nephoscope.ingest.threat_intelligence import misp
from nephoscope.ingest.threat_intelligence.http_client import FeedClient, describe_refusal
from nephoscope.ingest.threat_intelligence.indicator import IntelItem, Retraction

PATH = "events/restSearch"
PREFIX = "event/"
_AT = "events"
MOST = 2000
"""How many events are asked for again in one round; the next goes on behind them."""
_BATCH = 100
_SUSPECT = 10
"""From so many events on it is taken for a fault of the server, or of the key, that none of them is there."""


@dataclass(frozen=True, slots=True)
class MispEvents:
    """Indicators that each event has given, as checkpoints of the source: id of the indicator -> second of its newest change."""

    sink: SourceSink
    url: str
    published: bool

    def add_answer(self, body: object, items: Iterable[object]) -> None:
        """Remember which events of an answer gave which of the items."""
        given = {one.id: ceil(one.modified.timestamp()) for one in items if isinstance(one, IntelItem)}
        found: dict[str, dict[str, int]] = {}
        for _, one, event in misp.list_attributes(body):
            id_, name = misp.get_indicator_id(one), misp.get_event_uuid(event)
            if id_ in given and name:
                found.setdefault(name, {})[id_] = given[id_]
        for name, several in found.items():
            before = dict((self.sink.get_checkpoint(PREFIX + name) or {}).get("gave", {}))
            if after := {id_: at for id_, at in several.items() if before.get(id_) != at}:
                self.sink.save_checkpoint(PREFIX + name, {"gave": before | after})

    def retire(self, asker: FeedClient) -> None:
        """Take back what came of events that are deleted or published no more; SourceError where the server does not answer."""
        known = self.sink.list_checkpoints(PREFIX)
        turn = self._take_next_keys(sorted(known))
        batches = (turn[first : first + _BATCH] for first in range(0, len(turn), _BATCH))
        gone = [key for some in batches for key in self._find_gone(asker, some)]
        if len(gone) == len(turn) >= _SUSPECT:
            raise SourceError(
                f"{self.url}{PATH}: none of {len(turn)} events exists any more; nothing was withdrawn: "
                "check the permissions of the key"
            )
        for key in gone:
            self._retract_event(known[key])
            self.sink.drop_checkpoint(key)

    def _take_next_keys(self, keys: Sequence[str]) -> list[str]:
        """The next of the events."""
        last = str((self.sink.get_checkpoint(_AT) or {}).get("after", ""))
        turn = [key for key in keys if key > last][:MOST]
        self.sink.save_checkpoint(_AT, {"after": turn[-1] if len(turn) == MOST else ""})
        return turn

    def _find_gone(self, asker: FeedClient, keys: Sequence[str]) -> list[str]:
        wanted = {key.removeprefix(PREFIX) for key in keys}
        body = {"returnFormat": "json", "metadata": 1, "uuid": sorted(wanted), "page": 1, "limit": _BATCH}
        reply = asker.ask("POST", PATH, body=body)
        if reply.status != 200:
            raise describe_refusal(f"{self.url}{PATH}", reply)
        there = {
            misp.get_event_uuid(one): misp.is_event_published(one) for one in misp.list_events(reply.body)
        }
        if there.keys() - wanted:
            raise SourceError(f"{self.url}{PATH}: the response contains events that were not requested")
        lasting = {name for name, published in there.items() if published or not self.published}
        return [key for key in keys if key.removeprefix(PREFIX) not in lasting]

    def _retract_event(self, event: Mapping[str, Any]) -> None:
        """As of the change that is known: an event that is published again brings the same one."""
        gave = event.get("gave", {})
        self.sink.store_indicators(
            [Retraction(id_, datetime.fromtimestamp(at, UTC)) for id_, at in gave.items()]
        )
