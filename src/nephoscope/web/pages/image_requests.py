"""Requests for images: the queue with the time to answer, asking for an image, and approving or denying a request of somebody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Literal

from starlette.responses import Response

from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.service.image_requests import (
    ANSWER,
    READ,
    WRITE,
    answer_request,
    measure_answers,
    request_image,
    withdraw_request,
)
from nephoscope.state import StateError
from nephoscope.state.registries.image_requests import ImageRequest, RequestStatus
from nephoscope.web.forms.form import apply_form, read_requested_act
from nephoscope.web.forms.optimistic_lock import (
    compute_form_digest,
    describe_concurrent_changes,
    require_unchanged_state,
)
from nephoscope.web.lists.image_request_list import build_request_list, is_open
from nephoscope.web.lists.list_view import FoundRows, find_rows, show_rows
from nephoscope.web.lists.row_markup import PREVIEW
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

MOST = 10_000
HEADER = (
    "Status", "Image", "Registry", "Repository", "Tag", "Reason", "Requested by", "Asked", "Needed by", "Answered", "Answered by",
    "Answer",
    "Digest", "Error", "Id",
)  # fmt: skip


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the queue; a form that comes back asks, answers or withdraws."""
    if visit.request.method == "POST":
        return apply_form(
            lambda: _apply_form(visit),
            lambda error: _show_queue(visit, error),
            lambda: describe_concurrent_changes(visit, visit.form.get("target", "")),
        )
    if visit.get_query_value("format") == "csv":
        return build_csv_response("image-requests", HEADER, map(_build_row, _find_requests(visit).rows))
    return _show_queue(visit)


def _show_queue(visit: Visit, refused: str = "") -> dict[str, object]:
    every, found = visit.instance.state.image_requests.list_requests(most=MOST), _find_requests(visit)
    beside = next((one for one in found.rows if one.id == visit.get_query_value(PREVIEW)), None)
    counts = Counter(one.status.value for one in every)
    return {
        "list": show_rows(visit, build_request_list(visit), found), "any": bool(every), "opened": counts[RequestStatus.OPEN.value],
        "times": measure_answers(visit.service), "me": visit.caller.name,
        "beside": beside if beside is not None and is_open(beside, visit.instance.now) else None,
        "may_ask": visit.caller.is_permitted(WRITE, "/"), "may_answer": visit.caller.is_permitted(ANSWER, "/"),
        "registries": _index_hosts(visit),
        "etag": compute_form_digest(visit, _read_form_state(beside)) if beside else "", "given": dict(visit.form) if refused else {},
        "refused": refused, "overtaken": None, "done": visit.get_query_value("done"),
    }  # fmt: skip


def _index_hosts(visit: Visit) -> dict[str, tuple[str, ...]]:
    """Return the registries that take requests, by name, with the hosts whose images may be asked for."""
    found = {one.name: read_settings(one.settings) for one in visit.instance.state.watched_registries.all()}
    return {
        name: one.request_registries
        for name, one in found.items()
        if one.request_registries and one.quarantine
    }


def _find_requests(visit: Visit) -> FoundRows[ImageRequest]:
    """Find the requests that the address asks for: those that are due first, then the newest."""
    mine = visit.caller.name if visit.get_query_value("mine") else ""
    return find_rows(
        visit,
        build_request_list(visit),
        visit.instance.state.image_requests.list_requests(requester=mine, most=MOST),
    )


def _apply_form(visit: Visit) -> str:
    form, asked = visit.form, read_requested_act(visit, "ask", "approve", "deny", "withdraw")
    if asked == "ask":
        image, reason = form.get("image", "").strip(), form.get("reason", "")
        request_image(
            visit.service,
            image,
            reason,
            form.get("registry", ""),
            deadline=_parse_deadline(form.get("deadline", "")),
        )
        return visit.build_address(done="ask")
    id_ = form.get("id", "")
    with require_unchanged_state(
        visit, lambda: _read_form_state(visit.instance.state.image_requests.get(id_))
    ):
        if asked == "withdraw":
            withdraw_request(visit.service, id_)
        else:
            answer: Literal["approve", "deny"] = "approve" if asked == "approve" else "deny"
            answer_request(visit.service, id_, answer, form.get("reason", ""))
    return visit.build_address(done=asked)


def _parse_deadline(text: str) -> datetime | None:
    """Return the end of a day in UTC, None where none is given. Raises StateError."""
    if not text.strip():
        return None
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").date()
    except ValueError as error:
        raise StateError(f"the deadline must be a date such as 2026-12-31 (got '{text[:40]}')") from error
    return datetime.combine(day, time.max, UTC)


def _read_form_state(one: ImageRequest) -> object:
    """Return what the forms of a request are drawn of."""
    return one.status.value, one.answered_by, one.answer_reason


def _build_row(one: ImageRequest) -> tuple[object, ...]:
    return (
        one.status.value, one.image, one.registry_name, one.repository, one.tag, one.reason, one.requester, one.created.isoformat(),
        one.deadline.isoformat() if one.deadline else "", one.answered.isoformat() if one.answered else "", one.answered_by,
        one.answer_reason, one.digest, one.error, one.id,
    )  # fmt: skip


def count_open_requests(visit: Visit) -> int | None:
    """Return how many requests wait for an answer."""
    return visit.instance.state.image_requests.count(RequestStatus.OPEN) or None


PAGE = Page(
    "/image-requests", "Image requests", "image_requests.html", READ, fill_page, PageArea.PROTECTION, 15, methods=("GET", "POST"),
    count=count_open_requests, tenant=True, under_scope=SAME,
)  # fmt: skip
