"""The commands of requests for images."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.registry_service import registry_service
from nephoscope.cli.terminal.messages import tell

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state.registries.image_requests import ImageRequest

COLUMNS = ("status", "image", "registry", "requester", "deadline", "reason", "answeredBy", "created", "id")
_STATUSES = ("Open", "Approved", "Denied", "Withdrawn", "Expired", "Imported", "Failed")


@click.group("requests")
def requests() -> None:
    """Request public images and answer requests; approved images are imported into quarantine."""


@requests.command("list")
@click.option(
    "--status",
    type=click.Choice(_STATUSES, case_sensitive=False),
    help="Show only requests with this status.",
)
@list_options
@click.pass_obj
def list_(data: Path, /, status: str | None, output: str) -> None:
    """List requests, earliest deadline first, with their response times."""
    from nephoscope.service.image_requests import list_requests, measure_answers

    with registry_service(data) as context:
        found = list_requests(context, [status] if status else [])
        times = measure_answers(context)
    show_list([_request_row(one) for one in found], COLUMNS, output, "no requests")
    if times.median_seconds is not None:
        tell(f"{times.answered} answered, with a median of {times.median_seconds / 3600:.1f} h")


@requests.command("create")
@click.argument("image")
@click.option("--registry", "name", required=True, metavar="NAME", help="Destination registry.")
@click.option("--reason", required=True, help="Justification.")
@click.option("--deadline", type=click.DateTime(), metavar="TIME", help="Deadline, in UTC.")
@click.pass_obj
def create_request(data: Path, /, image: str, name: str, reason: str, deadline: datetime | None) -> None:
    """Request IMAGE, such as docker.io/library/nginx:1.27."""
    from nephoscope.service.image_requests import request_image

    when = deadline.replace(tzinfo=UTC) if deadline else None
    with registry_service(data) as context:
        made = request_image(context, image, reason, name, deadline=when)
    click.echo(f"{made.id}: {made.image} is imported to {made.repository}:{made.tag} after approval")


@requests.command("approve")
@click.argument("request_id", metavar="ID")
@click.option("--reason", required=True, help="Reason, stored in the audit log.")
@click.pass_obj
def approve_request(data: Path, /, request_id: str, reason: str) -> None:
    """Approve another user's request ID: the image is imported into quarantine and scanned."""
    from nephoscope.service.image_requests import answer_request

    with registry_service(data) as context:
        answer_request(context, request_id, "approve", reason)


@requests.command("deny")
@click.argument("request_id", metavar="ID")
@click.option("--reason", required=True, help="Reason, stored in the audit log.")
@click.pass_obj
def deny_request(data: Path, /, request_id: str, reason: str) -> None:
    """Deny another user's request ID."""
    from nephoscope.service.image_requests import answer_request

    with registry_service(data) as context:
        answer_request(context, request_id, "deny", reason)


@requests.command("withdraw")
@click.argument("request_id", metavar="ID")
@click.pass_obj
def withdraw(data: Path, /, request_id: str) -> None:
    """Withdraw your request ID."""
    from nephoscope.service.image_requests import withdraw_request

    with registry_service(data) as context:
        withdraw_request(context, request_id)


def _request_row(one: ImageRequest) -> dict[str, object]:
    return {
        "id": one.id, "status": one.status.value, "image": one.image, "registry": one.registry_name,
        "repository": one.repository, "tag": one.tag, "reason": one.reason, "requester": one.requester,
        "created": one.created, "deadline": one.deadline, "expires": one.expires, "answered": one.answered,
        "answeredBy": one.answered_by, "answerReason": one.answer_reason, "digest": one.digest, "error": one.error,
    }  # fmt: skip
