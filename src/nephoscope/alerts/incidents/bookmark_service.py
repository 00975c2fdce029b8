"""Bookmark service: store, annotate and promote hunting results to incidents; each change writes a HuntingBookmark row."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.entities.column_entities import build_entity_mappings
from nephoscope.alerts.entities.entity_mapping import extract_entities
from nephoscope.alerts.incidents.grouping import build_bookmark_keys
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.library.hunting import HuntingRange
from nephoscope.alerts.rules.query_result import RuleResultRow
from nephoscope.alerts.rules.rule import AnalyticRule, EntityMapping
from nephoscope.files.json_tree import get_text, list_trees
from nephoscope.state.database.database import StateError
from nephoscope.state.incidents.bookmarks import Bookmark
from nephoscope.state.incidents.incidents import Incident

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TABLE = "HuntingBookmark"


@dataclass(frozen=True, slots=True)
class BookmarkService:
    """The bookmarks of the workspace of a desk."""

    incident_service: IncidentService

    def create(
        self, query: AnalyticRule, row: RuleResultRow, over: HuntingRange, now: datetime, by: str, *, name: str = "", notes: str = "",
        tags: Sequence[str] = (),
    ) -> Bookmark:  # fmt: skip
        """Keep a row; its entities are those that the query maps, else those that its columns hold."""
        found = extract_entities(row, query.mappings or _read_mappings(row))
        moments = row.list_times()
        bookmark = Bookmark(
            str(uuid.uuid4()), self.incident_service.workspace, name or query.name, query.query, query.name, over.since, over.until,
            moments[-1] if moments else over.until, row.document(), by, now, by, now,
            [one.document(place + 1) for place, one in enumerate(found)], sorted(build_bookmark_keys(found)),
            list(query.tactics), list(query.techniques), list(tags), notes,
        )  # fmt: skip
        with self.incident_service.state.transaction() as session:
            self._put_bookmark(session, bookmark)
        return bookmark

    def put(self, bookmark: Bookmark) -> None:
        """Keep a bookmark as it is given, in the place of the one of its id."""
        with self.incident_service.state.transaction() as session:
            self._put_bookmark(session, bookmark)

    def change(self, id_: str, now: datetime, by: str, **changes: Any) -> Bookmark:
        """Set `name`, `notes`, `tags`, `deleted` of the bookmark whose id begins so."""
        with self.incident_service.state.transaction() as session:
            before = self.incident_service.state.bookmarks.read(session, self.incident_service.workspace, id_)
            changed = replace(before, **changes, changed=now, changed_by=by)
            self._put_bookmark(session, changed)
        return changed

    def promote(
        self, ids: Sequence[str], now: datetime, by: str, *, incident: int | None = None, title: str = "",
        severity: str = "",
    ) -> Incident:  # fmt: skip
        """Put bookmarks into an incident: that of a number, else a new one; later alerts of their entities join it.

        A `title` or `severity` that is given stays whatever alerts join; else they are the first bookmark's name and Medium.
        """
        state = self.incident_service.state
        with state.transaction() as session:
            found = [
                state.bookmarks.read(session, self.incident_service.workspace, one)
                for one in dict.fromkeys(ids)
            ]
            taken = next((one for one in found if one.incident not in (None, incident)), None)
            if taken is not None:
                raise StateError(f"the bookmark {taken.id} is already in incident {taken.incident}")
            notes = "\n".join(one.notes for one in found if one.notes)
            made = Incident(
                self.incident_service.workspace, title or found[0].name, notes, severity or "Medium", now, now, now, now,
                severity_set=bool(severity), title_set=bool(title),
            )  # fmt: skip
            into = made if incident is None else state.incidents.read(session, incident)
            gathered = self.incident_service.add_bookmarks(session, found, into, now, by)
            for one in found:
                self._put_bookmark(
                    session, replace(one, incident=gathered.number, changed=now, changed_by=by)
                )
        return gathered

    def _put_bookmark(self, session: Session, bookmark: Bookmark) -> None:
        self.incident_service.state.bookmarks.put(session, bookmark)
        self._queue_row(session, bookmark)

    def _queue_row(self, session: Session, bookmark: Bookmark) -> None:
        self.incident_service.state.outbox.add(
            session, self.incident_service.workspace, TABLE, build_bookmark_row(bookmark)
        )


def _read_mappings(row: RuleResultRow) -> list[EntityMapping]:
    return [
        EntityMapping(
            get_text(one, "entityType"),
            tuple(
                (get_text(pair, "identifier"), get_text(pair, "columnName"))
                for pair in list_trees(one, "fieldMappings")
            ),
        )
        for one in build_entity_mappings(row.columns)
    ]


def build_bookmark_row(one: Bookmark) -> dict[str, object]:
    """The row of a change of a bookmark."""
    return {
        "TimeGenerated": one.changed.isoformat(),
        "BookmarkId": one.id,
        "BookmarkName": one.name,
        "BookmarkType": "Hunting",
        "CreatedBy": one.author,
        "CreatedTime": one.created.isoformat(),
        "UpdatedBy": one.changed_by,
        "LastUpdatedTime": one.changed.isoformat(),
        "EventTime": one.event_time.isoformat(),
        "Entities": json.dumps(one.entities, ensure_ascii=False),
        "Notes": one.notes,
        "Tags": json.dumps(one.tags, ensure_ascii=False),
        "QueryText": one.query,
        "QueryStartTime": one.since.isoformat(),
        "QueryEndTime": one.until.isoformat(),
        "QueryResultRow": json.dumps(one.row, ensure_ascii=False, default=str),
        "SoftDeleted": one.deleted,
        "SourceSystem": "Hunting",
    }
