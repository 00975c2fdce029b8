"""Images of registries: where they stand, why, and what people decide about them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from nephoscope.operations.declaration.operation import ApiRoute, CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import PLAIN, Shape, Text, to_shape
from nephoscope.service import registries as service
from nephoscope.service.registries import READ_IMAGES, WRITE_IMAGES
from nephoscope.state.registries.registry_images import RegistryImage, RegistryImageFilter

OPERATIONS = OperationGroup("registries", "Registries", "The image")
REASONS = ("effect", "kind", "text", "platform")
ImageId = Annotated[str, describe("An image's id.", pattern=r"^[0-9a-f]{32}$(?!\n)", metavar="IMAGE")]
Status = Literal["", "Queued", "Untagged", "Held", "Promoted", "Rejected", "Passed", "Failed", "Gone"]


class RegistryImageShape(Shape, frozen=True, kw_only=True):
    """An image of a repository: where it stands, the verdict with its reasons, what its examination counted, and who decided."""

    id: str
    registry: str
    repository: str
    digest: str
    tags: tuple[str, ...]
    promoted_tags: tuple[str, ...]
    status: str
    step: str
    origin: str
    verdict: str
    reasons: tuple[dict[str, Any], ...]
    summary: dict[str, Any]
    target: str
    attempts: int
    error: str
    received: datetime
    examined: datetime | None
    decided: datetime | None
    decided_by: str
    decision_reason: str


class RegistryImageList(Shape, frozen=True, kw_only=True):
    """The newest of them; `counts` is how many there are by status."""

    value: tuple[RegistryImageShape, ...]
    counts: dict[str, int]


class RegistryImageQuery(Shape, frozen=True, kw_only=True):
    """A filter of images: of a registry ('' = all), a status, with a text in repository, tag or digest."""

    registry: Annotated[
        str,
        describe(
            "Show only images of this registry.", max_length=64, pattern=PLAIN, argument=True, metavar="NAME"
        ),
    ] = ""
    status: Annotated[Status, describe("Show only images with this status.")] = ""
    text: Annotated[
        Text, describe("Show only images whose repository, tag or digest contains this text.")
    ] = ""
    top: Annotated[int, describe("Maximum number of images.", ge=1, le=1000)] = 100


class RegistryImageDecision(Shape, frozen=True, kw_only=True):
    """The decision about a quarantined image, and its reason."""

    decision: Literal["promote", "reject", "examine"]
    reason: Annotated[str, msgspec.Meta(max_length=2000, pattern=PLAIN)] = ""


class DecisionReason(Shape, frozen=True, kw_only=True):
    """The reason of a decision."""

    reason: Annotated[
        str, describe("Justification, stored in the audit log.", max_length=2000, pattern=PLAIN)
    ]


def _choose_leading_reason(one: RegistryImageShape) -> str:
    """Return why an image stands as it does: why it waits, else what speaks against it."""
    if one.status == "Queued" and one.error:
        return one.error
    against = (str(reason.get("text", "")) for reason in one.reasons if reason.get("effect") != "allow")
    return next(against, one.error)


def _list_rows(found: RegistryImageList) -> list[dict[str, object]]:
    return [_build_row(one, one.summary.get("vulnerabilities", {})) for one in found.value]


def _build_row(one: RegistryImageShape, counts: dict[str, int]) -> dict[str, object]:
    return {
        "status": one.status, "image": _format_name(one), "verdict": one.verdict,
        "critical": counts.get("Critical", 0), "high": counts.get("High", 0), "reason": _choose_leading_reason(one),
        "error": one.error,
        "received": one.received, "id": one.id, "registry": one.registry, "digest": one.digest, "tags": one.tags,
        "reasons": one.reasons, "summary": one.summary, "target": one.target, "decidedBy": one.decided_by,
    }  # fmt: skip


def _format_name(one: RegistryImageShape) -> str:
    tags = one.tags or one.promoted_tags
    return f"{one.repository}{f':{tags[-1]}' if tags else ''}@{one.digest}"


def _list_reasons(one: RegistryImageShape) -> list[dict[str, object]]:
    return [dict.fromkeys(REASONS, "") | reason for reason in one.reasons]


def _explain_image(one: RegistryImageShape) -> Iterator[str]:
    """Say who signed an image, what is attested of it, and where it stands."""
    if one.summary.get("signedBy"):
        yield f"signed by {', '.join(one.summary['signedBy'])}"
    for each in one.summary.get("attestations", ()):
        builder = f", built by {each['builder']}" if each.get("builder") else ""
        yield f"attested by {', '.join(each['keys'])}: {each['predicateType']}{builder}"
    yield f"{_format_name(one)}: {one.status}{f' by {one.decided_by}' if one.decided_by else ''}"
    yield from filter(None, (one.decision_reason, one.error))


def _find_image(call: OperationCall, text: str) -> str:
    return service.find_image(call.service, text).id


_FOUND = {"id": _find_image}


@OPERATIONS.operation(
    READ_IMAGES, ApiRoute("GET", "/registryImages"),
    CommandLine(
        "images", columns=("status", "image", "verdict", "critical", "high", "reason", "received", "id"), rows=_list_rows,
        nothing="no matching images",
    ),
)  # fmt: skip
def list_images(call: OperationCall, query: RegistryImageQuery) -> RegistryImageList:
    """List images of a registry, or of all, newest first, with the verdict on each."""
    wanted = RegistryImageFilter(
        [query.registry] if query.registry else None, [query.status] if query.status else [], query.text
    )
    found = service.list_images(call.service, wanted, query.top)
    return RegistryImageList(
        value=tuple(map(_build_image, found)), counts=call.state.registry_images.counts(wanted)
    )


@OPERATIONS.operation(
    READ_IMAGES, ApiRoute("GET", "/registryImages/{id}"),
    CommandLine(
        "show", columns=REASONS, rows=_list_reasons, nothing="no findings", notes=_explain_image, arguments=_FOUND,
        help="Explain the status of IMAGE (an ID, or a unique part of a name).",
    ),
)  # fmt: skip
def get_image(call: OperationCall, id: ImageId) -> RegistryImageShape:  # noqa: A002 - the name in the path
    """Show an image with the reasons of its verdict."""
    return _build_image(call.state.registry_images.get(id))


@OPERATIONS.operation(WRITE_IMAGES, ApiRoute("POST", "/registryImages/{id}/decision"))
def decide_image(call: OperationCall, id: ImageId, body: RegistryImageDecision) -> RegistryImageShape:  # noqa: A002
    """Promote or reject a quarantined image, or scan it again; malware is never promoted."""
    if body.decision == "examine":
        return _build_image(service.request_examination(call.service, [id])[0])
    return _build_image(service.decide_image(call.service, id, body.decision, body.reason))


@OPERATIONS.operation(WRITE_IMAGES, command=CommandLine("promote", arguments=_FOUND))
def promote_image(call: OperationCall, id: ImageId, body: DecisionReason) -> None:  # noqa: A002
    """Approve an image (an ID, or a part of its name) although its policy held or rejected it."""
    service.decide_image(call.service, id, "promote", body.reason)


@OPERATIONS.operation(WRITE_IMAGES, command=CommandLine("reject", arguments=_FOUND))
def reject_image(call: OperationCall, id: ImageId, body: DecisionReason) -> None:  # noqa: A002
    """Reject a held image (an ID, or a part of its name)."""
    service.decide_image(call.service, id, "reject", body.reason)


@OPERATIONS.operation(WRITE_IMAGES, command=CommandLine("examine", arguments=_FOUND))
def examine_image(call: OperationCall, id: ImageId) -> None:  # noqa: A002
    """Scan an image (an ID, or a part of its name) again."""
    service.request_examination(call.service, [id])


def _build_image(one: RegistryImage) -> RegistryImageShape:
    return to_shape(RegistryImageShape, one, summary=dict(one.summary or {}))
