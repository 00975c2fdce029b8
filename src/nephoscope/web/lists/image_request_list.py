"""The queue of image requests: what was asked for, by whom, until when it is needed, and what was answered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.state.registries.image_requests import ImageRequest, RequestStatus
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column, build_time_column
from nephoscope.web.lists.list_cell import (
    CellMark,
    ListCell,
    build_state_cell,
    build_text_cell,
    build_time_cell,
)
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.row_markup import PREVIEW

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

TONES = {"Open": "new", "Approved": "pass", "Imported": "pass", "Denied": "error", "Failed": "error"}
STATUSES = tuple(one.value for one in RequestStatus)


def build_request_list(visit: Visit) -> RowList[ImageRequest]:
    """Describe the list; a request opens beside it, where it is answered."""
    now = visit.instance.now

    def build_title_cell(one: ImageRequest) -> ListCell:
        return build_text_cell(one.image, visit.build_address(**{PREVIEW: one.id, "done": None}))

    def build_reason_cell(one: ImageRequest) -> ListCell:
        cell = build_time_cell(one.deadline)
        late = one.deadline is not None and is_open(one, now) and one.deadline < now
        return ListCell(
            cell.text,
            cell.kind,
            at=cell.at,
            order=cell.order,
            marks=[CellMark("overdue", "error")] if late else (),
        )

    return RowList(
        "image-requests", "request",
        (
            ListColumn("status", "Status", lambda one: _build_status_cell(one, now), width="state"),
            ListColumn("image", "Image", build_title_cell, main=True, width="title"),
            build_text_column("registry", "Registry", lambda one: one.registry_name),
            build_text_column("repository", "Repository", lambda one: f"{one.repository}:{one.tag}", shown=False),
            build_text_column("reason", "Reason", lambda one: one.reason),
            build_text_column("requester", "Requested by", lambda one: one.requester, width="ago"),
            build_time_column("asked", "Asked", lambda one: one.created, shown=False),
            ListColumn("needed", "Needed by", build_reason_cell, optional=True, width="time"),
            build_text_column("answer", "Answer", lambda one: one.answer_reason, shown=False),
            build_text_column("answered", "Answered by", lambda one: one.answered_by, width="ago"),
            build_text_column("error", "Error", lambda one: one.error, shown=False),
        ),
        lambda one: one.id,
        (
            RowFacet("status", "Status", lambda one: (one.status.value,), order=STATUSES),
            RowFacet("registry", "Registry", lambda one: (one.registry_name,)),
            RowFacet("requester", "Requested by", lambda one: (one.requester,)),
        ),
        lambda one: f"{one.image} {one.repository} {one.requester} {one.reason}", about_of=lambda one: one.reason,
    )  # fmt: skip


def is_open(one: ImageRequest, now: datetime) -> bool:
    """Return whether a request can still be answered."""
    return one.status is RequestStatus.OPEN and one.expires > now


def _build_status_cell(one: ImageRequest, now: datetime) -> ListCell:
    word = "Expired" if one.status is RequestStatus.OPEN and not is_open(one, now) else one.status.value
    return build_state_cell(
        word, TONES.get(word, ""), whole=one.error, order=float(STATUSES.index(one.status.value))
    )
