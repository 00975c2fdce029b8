"""Requests for public images: asked, answered by somebody else, withdrawn."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nephoscope.admin.registries import RegistryName
from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import finding, refusing
from nephoscope.operations.declaration.schemas import PLAIN, Id, Shape
from nephoscope.service import image_requests as service
from nephoscope.service.image_requests import ANSWER, READ, WRITE, ImageRequestError
from nephoscope.state.registries.image_requests import ImageRequest

SECTION = RouteSection("imageRequests", "Image requests")
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=PLAIN)]


class NewImageRequest(Shape, frozen=True, kw_only=True):
    """A public image that somebody wants in a registry that is watched, why, and by when."""

    image: Annotated[
        str, msgspec.Meta(max_length=500, pattern=PLAIN, description="Such as docker.io/library/nginx:1.27.")
    ]
    registry: RegistryName
    reason: Reason
    deadline: datetime | None = None


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
    """Which requests: of a status ('' = all), and only one's own."""

    status: Literal["", "Open", "Approved", "Denied", "Withdrawn", "Expired", "Imported", "Failed"] = ""
    own: bool = False
    top: Annotated[int, msgspec.Meta(ge=1, le=1000, description="Maximum number of requests.")] = 100


@SECTION.route("GET", "/imageRequests", READ)
def requests(ask: AdminRequest, query: ImageRequestQuery) -> ImageRequestList:
    """Requests for images, and how long answers took."""
    mine = ask.caller.name if query.own else ""
    found = ask.instance.state.image_requests.list_requests(
        [query.status] if query.status else [], mine, query.top
    )
    times = service.measure_answers(ask.service)
    return ImageRequestList(
        value=tuple(map(_shape, found)), answered=times.answered, median_answer_seconds=times.median_seconds,
        longest_answer_seconds=times.longest_seconds,
    )  # fmt: skip


@SECTION.route("POST", "/imageRequests", WRITE, status=201)
def request(ask: AdminRequest, body: NewImageRequest) -> ImageRequestShape:
    """Ask for a public image."""
    with refusing("body", ImageRequestError), finding(f"The registry {body.registry}"):
        return _shape(
            service.request_image(ask.service, body.image, body.reason, body.registry, deadline=body.deadline)
        )


@SECTION.route("POST", "/imageRequests/{id}/answer", WRITE)
def answer(ask: AdminRequest, id: Id, body: ImageRequestAnswer) -> ImageRequestShape:  # noqa: A002
    """Approve or deny a request of somebody else, or withdraw one's own."""
    with finding(f"The request {id}"):
        if body.answer == "withdraw":
            return _shape(service.withdraw_request(ask.service, id))
        ask.caller.must(ANSWER)
        return _shape(service.answer_request(ask.service, id, body.answer, body.reason))


def _shape(one: ImageRequest) -> ImageRequestShape:
    names = (name for name in ImageRequestShape.__struct_fields__ if name != "status")
    return ImageRequestShape(**{name: getattr(one, name) for name in names}, status=one.status.value)
