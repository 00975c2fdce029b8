"""Requests for images: somebody asks for a public image, somebody else answers, and what is approved goes through quarantine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Literal

from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.image_name import ImageReference
from nephoscope.protect.registry.image_import import choose_destination
from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.approvals import require_approver
from nephoscope.state import StateError
from nephoscope.state.registries.image_requests import ImageRequest, RequestStatus

if TYPE_CHECKING:
    from collections.abc import Collection

    from nephoscope.service.service_context import ServiceContext

READ, WRITE = (f"Microsoft.Security/imageRequests/{one}" for one in ("read", "write"))
ANSWER = "Microsoft.Security/imageRequests/answer/action"
#: How long a request without a deadline waits for an answer, and one with a deadline behind it.
_WAITS, _AFTER_DEADLINE = timedelta(days=30), timedelta(days=7)
_LONGEST = 2_000


class ImageRequestError(StateError):
    """A request that cannot be made or answered: the message says why."""


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """Waiting times of requests: how many were answered, the median and the longest in seconds (None for none)."""

    answered: int
    median_seconds: float | None
    longest_seconds: float | None


def list_requests(
    context: ServiceContext, statuses: Collection[str] = (), most: int = 1_000
) -> list[ImageRequest]:
    """Return requests of some statuses (none = all), those that are due first; raises DeniedError."""
    context.require(READ)
    return context.state.image_requests.list_requests(statuses, most=most)


def request_image(
    context: ServiceContext, image: str, reason: str, registry: str, *, deadline: datetime | None = None
) -> ImageRequest:
    """Ask for a public image to be let into a registry.

    Raises DeniedError; NotFoundError for a registry that is not watched; ImageRequestError for an image that may not be asked for, a
    missing reason, or a deadline that is over.
    """
    context.require(WRITE)
    now = context.now
    settings = read_settings(context.state.watched_registries.get(registry).settings)
    try:
        reference = ImageReference.parse(image)
        repository, tag = choose_destination(settings, reference)
    except ImageError as error:
        raise ImageRequestError(f"image: {error}") from error
    _check_reason(reason)
    if deadline is not None and deadline <= now:
        raise ImageRequestError(f"deadline: {deadline.isoformat()} is in the past")
    request = ImageRequest(
        str(reference), registry, repository, tag, reason.strip(), context.actor.name, now,
        expires=deadline + _AFTER_DEADLINE if deadline else now + _WAITS, due=now, deadline=deadline,
    )  # fmt: skip
    with (
        context.transact(WRITE, ROOT_SCOPE, f"image request {reference}", act="ask", registry=registry, reason=reason),
        context.state.database.write() as session,
    ):  # fmt: skip
        return context.state.image_requests.put(session, request)


def answer_request(
    context: ServiceContext, id_: str, answer: Literal["approve", "deny"], reason: str
) -> ImageRequest:
    """Approve or deny a request of somebody else; what is approved is imported into quarantine.

    Raises DeniedError; NotFoundError; OwnRequestError; ImageRequestError for one that is not open, or a missing reason.
    """
    context.require(ANSWER)
    _check_reason(reason)
    known = context.state.image_requests.get(id_)
    require_approver(context, ANSWER, [ROOT_SCOPE], (known.requester,))
    with (
        context.transact(
            ANSWER, ROOT_SCOPE, f"image request {known.image}", act=answer, request=id_, reason=reason, requester=known.requester
        ),
        context.state.database.write() as session,
    ):  # fmt: skip
        request = context.state.image_requests.lock(session, id_)
        if request.status is not RequestStatus.OPEN or request.expires <= context.now:
            raise ImageRequestError(
                f"the request is {request.status.value} or expired and cannot be answered"
            )
        status = RequestStatus.APPROVED if answer == "approve" else RequestStatus.DENIED
        answered = replace(
            request, status=status, answered=context.now, answered_by=context.actor.name, answer_reason=reason.strip(),
            due=context.now,
        )  # fmt: skip
        return context.state.image_requests.put(session, answered)


def withdraw_request(context: ServiceContext, id_: str) -> ImageRequest:
    """Take a request of one's own back. Raises DeniedError; NotFoundError; ImageRequestError for another's, or one that is not
    open."""
    context.require(WRITE)
    known = context.state.image_requests.get(id_)
    with (
        context.transact(WRITE, ROOT_SCOPE, f"image request {known.image}", act="withdraw", request=id_),
        context.state.database.write() as session,
    ):
        request = context.state.image_requests.lock(session, id_)
        if request.requester != context.actor.name:
            raise ImageRequestError("only the requester can withdraw a request")
        if request.status is not RequestStatus.OPEN:
            raise ImageRequestError(f"the request is {request.status.value} and cannot be withdrawn")
        return context.state.image_requests.put(session, replace(request, status=RequestStatus.WITHDRAWN))


def measure_answers(context: ServiceContext) -> AnswerTimes:
    """Return how long requests waited for their answer. Raises DeniedError."""
    context.require(READ)
    seconds = context.state.image_requests.answer_seconds()
    if not seconds:
        return AnswerTimes(0, None, None)
    return AnswerTimes(len(seconds), median(seconds), max(seconds))


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > _LONGEST:
        raise ImageRequestError(f"reason is required, with at most {_LONGEST} characters")
