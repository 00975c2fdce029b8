"""Requests for public images: asked, answered by somebody else, withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, Id, Shape, to_shape
from nephoscope.operations.protect.registries import RegistryName
from nephoscope.service import image_requests as service
from nephoscope.service.image_requests import ANSWER, READ, WRITE, ImageRequestError
from nephoscope.state.registries.image_requests import ImageRequest

OPERATIONS = OperationGroup(
    "imageRequests", "Image requests", "The request",
    "Request public images and answer requests; approved images are imported into quarantine.",
)  # fmt: skip
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=PLAIN)]


class NewImageRequest(Shape, frozen=True, kw_only=True):
    """A public image that is requested for a registry, why, and by when."""

    image: Annotated[
        str, describe("Such as docker.io/library/nginx:1.27.", max_length=500, pattern=PLAIN, argument=True)
    ]
    registry: Annotated[RegistryName, describe("Destination registry.", metavar="NAME")]
    reason: Annotated[Reason, describe("Justification.")]
    deadline: Annotated[datetime, describe("Deadline, in UTC.", metavar="TIME")] | None = None


class ImageRequestAnswer(Shape, frozen=True, kw_only=True):
    """The answer to a request, and why; `withdraw` is the requester's own."""

    answer: Literal["approve", "deny", "withdraw"]
    reason: Annotated[str, msgspec.Meta(max_length=2000, pattern=PLAIN)] = ""


class ImageRequestShape(Shape, frozen=True, kw_only=True):
    """A request: where it stands, who answered and why, and the image of quarantine that it became."""

    id: str
    image: str
    registry_name: str
    repository: str
    tag: str
    reason: str
    requester: str
    created: datetime
    deadline: datetime | None
    expires: datetime
    status: str
    answered: datetime | None
    answered_by: str
    answer_reason: str
    digest: str
    error: str


class ImageRequestList(Shape, frozen=True, kw_only=True):
    """Requests, those with the nearest deadline first; `answered` and the seconds tell how long answers took."""

    value: tuple[ImageRequestShape, ...]
    answered: int
    median_answer_seconds: float | None
    longest_answer_seconds: float | None


class ImageRequestQuery(Shape, frozen=True, kw_only=True):
    """A filter of requests: of a status ('' = all), and only your own."""

    status: Annotated[
        Literal["", "Open", "Approved", "Denied", "Withdrawn", "Expired", "Imported", "Failed"],
        describe("Show only requests with this status."),
    ] = ""
    own: Annotated[bool, describe("Show only your requests.")] = False
    top: Annotated[int, describe("Maximum number of requests.", ge=1, le=1000)] = 100


class AnswerReason(Shape, frozen=True, kw_only=True):
    """The reason of an answer."""

    reason: Annotated[Reason, describe("Reason, stored in the audit log.")]


def _list_rows(found: ImageRequestList) -> list[dict[str, object]]:
    return [
        {
            "id": one.id, "status": one.status, "image": one.image, "registry": one.registry_name,
            "repository": one.repository, "tag": one.tag, "reason": one.reason, "requester": one.requester,
            "created": one.created, "deadline": one.deadline, "expires": one.expires, "answered": one.answered,
            "answeredBy": one.answered_by, "answerReason": one.answer_reason, "digest": one.digest, "error": one.error,
        }
        for one in found.value
    ]  # fmt: skip


def _describe_times(found: ImageRequestList) -> Iterator[str]:
    if found.median_answer_seconds is not None:
        yield f"{found.answered} answered, with a median of {found.median_answer_seconds / 3600:.1f} h"


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/imageRequests"),
    CommandLine(
        "list", columns=("status", "image", "registry", "requester", "deadline", "reason", "answeredBy", "created", "id"),
        rows=_list_rows, nothing="no requests", notes=_describe_times,
    ),
)  # fmt: skip
def list_image_requests(call: OperationCall, query: ImageRequestQuery) -> ImageRequestList:
    """List requests, earliest deadline first, with their response times."""
    mine = call.service.actor.name if query.own else ""
    found = call.state.image_requests.list_requests([query.status] if query.status else [], mine, query.top)
    times = service.measure_answers(call.service)
    return ImageRequestList(
        value=tuple(map(_build_shape, found)), answered=times.answered, median_answer_seconds=times.median_seconds,
        longest_answer_seconds=times.longest_seconds,
    )  # fmt: skip


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/imageRequests", 201),
    CommandLine("create", "{id}: {image} is imported to {repository}:{tag} after approval"),
)  # fmt: skip
def request_image(call: OperationCall, body: NewImageRequest) -> ImageRequestShape:
    """Request a public image."""
    with translate_errors("body", ImageRequestError):
        return _build_shape(
            service.request_image(
                call.service, body.image, body.reason, body.registry, deadline=body.deadline
            )
        )


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/imageRequests/{id}/answer"))
def answer_request(call: OperationCall, id: Id, body: ImageRequestAnswer) -> ImageRequestShape:  # noqa: A002
    """Approve or deny another user's request, or withdraw your own."""
    if body.answer == "withdraw":
        return _build_shape(service.withdraw_request(call.service, id))
    call.service.require(ANSWER)
    return _build_shape(service.answer_request(call.service, id, body.answer, body.reason))


@OPERATIONS.operation(ANSWER, command=CommandLine("approve"))
def approve_request(call: OperationCall, id: Id, body: AnswerReason) -> None:  # noqa: A002
    """Approve another user's request: the image is imported into quarantine and scanned."""
    service.answer_request(call.service, id, "approve", body.reason)


@OPERATIONS.operation(ANSWER, command=CommandLine("deny"))
def deny_request(call: OperationCall, id: Id, body: AnswerReason) -> None:  # noqa: A002
    """Deny another user's request."""
    service.answer_request(call.service, id, "deny", body.reason)


@OPERATIONS.operation(WRITE, command=CommandLine("withdraw"))
def withdraw_request(call: OperationCall, id: Id) -> None:  # noqa: A002
    """Withdraw your request."""
    service.withdraw_request(call.service, id)


def _build_shape(one: ImageRequest) -> ImageRequestShape:
    return to_shape(ImageRequestShape, one)
