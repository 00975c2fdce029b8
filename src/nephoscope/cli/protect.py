"""Protect workloads: watch registries, and decide about the images that quarantine holds"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.listing import listed

if TYPE_CHECKING:
    from nephoscope.protect.registry.registry_settings import RegistrySettings
    from nephoscope.service.context import ServiceContext
    from nephoscope.state.registries.image_requests import ImageRequest
    from nephoscope.state.registries.registry_images import RegistryImage

REGISTRIES = ("name", "address", "enabled", "queued", "held", "promoted", "rejected", "polled", "error")
IMAGES = ("status", "image", "verdict", "critical", "high", "reason", "received", "id")
REASONS = ("effect", "kind", "text", "platform")
REQUESTS = (
    "status",
    "image",
    "registry",
    "requester",
    "deadline",
    "reason",
    "answeredBy",
    "created",
    "id",
)
_STATUSES = ("Queued", "Untagged", "Held", "Promoted", "Rejected", "Passed", "Failed", "Gone")
_REQUEST_STATUSES = ("Open", "Approved", "Denied", "Withdrawn", "Expired", "Imported", "Failed")


@click.group("protect")
def command() -> None:
    """Protect workloads before and while they run."""


@command.group("registry")
def registry() -> None:
    """Watch registries: images are examined in quarantine, and a policy decides which are promoted."""


@registry.command("list")
@listed
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List registries with how many images wait, are held, promoted and rejected."""
    from nephoscope.cli.session.listing import show_list
    from nephoscope.protect.registry.watch import POLLED
    from nephoscope.service.registries import READ
    from nephoscope.state.registries.registry_images import RegistryImageFilter

    rows = []
    with _context(data) as context:
        context.require(READ)
        state = context.state
        for one in state.watched_registries.all():
            counts = state.registry_images.counts(RegistryImageFilter([one.name]))
            polled = state.checkpoints.get(POLLED, one.name) or {}
            rows.append(
                {
                    "name": one.name, "address": one.address, "enabled": one.enabled,
                    **{name: counts.get(name.capitalize(), 0) for name in ("queued", "held", "promoted", "rejected")},
                    "polled": polled.get("at", ""), "error": polled.get("error", ""), "settings": one.settings,
                }
            )  # fmt: skip
    show_list(rows, REGISTRIES, output, "no registry is watched: `nephoscope protect registry add`")


@registry.command("add")
@click.argument("name")
@click.argument("address")
@click.option("--username", default="", metavar="NAME", help="Who we are to the registry.")
@click.option(
    "--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="The password; - of a pipe is /dev/stdin.",
)  # fmt: skip
@click.option(
    "--quarantine",
    default="quarantine/*",
    show_default=True,
    metavar="PREFIX/*",
    help="Repositories of quarantine.",
)
@click.option(
    "--approved",
    default="approved/*",
    show_default=True,
    metavar="PREFIX/*",
    help="Where promoted images go.",
)
@click.option(
    "--settings", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="A JSON document of all settings with the policy, instead of --quarantine and --approved.",
)  # fmt: skip
@click.option("--insecure", is_flag=True, help="Speak to it without TLS (to this machine it is always so).")
@click.option("--workspace", default="default", show_default=True, help="Where its events and verdicts go.")
@click.pass_obj
def add(
    data: Path, /, name: str, address: str, username: str, password_file: Path | None, quarantine: str, approved: str,
    file: Path | None, insecure: bool, workspace: str,
) -> None:  # fmt: skip
    """Watch the registry at ADDRESS (HOST or HOST:PORT) under NAME."""
    from nephoscope.protect.registry.connecting import RegistrySecrets
    from nephoscope.service.registries import add_registry

    document = {"quarantine": [{"quarantine": quarantine, "approved": approved}], "insecure": insecure}
    password = password_file.read_text(encoding="utf-8").rstrip("\n") if password_file else ""
    with _context(data) as context:
        add_registry(
            context, name, address, _settings(file, document), username=username,
            given=RegistrySecrets(password=password), workspace=workspace,
        )  # fmt: skip
    click.echo(f"{name}: watched; `nephoscope serve` examines its images")


@registry.command("set")
@click.argument("name")
@click.option(
    "--settings", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="A JSON document of all settings with the policy.",
)  # fmt: skip
@click.pass_obj
def set_(data: Path, /, name: str, file: Path) -> None:
    """Give the registry NAME other settings, such as another policy."""
    from nephoscope.service.registries import change_registry

    with _context(data) as context:
        change_registry(context, name, settings=_settings(file, {}))


@registry.command("pause")
@click.argument("name")
@click.pass_obj
def pause(data: Path, /, name: str) -> None:
    """Let the registry NAME rest: nothing of it is examined or promoted."""
    from nephoscope.service.registries import change_registry

    with _context(data) as context:
        change_registry(context, name, enabled=False)


@registry.command("resume")
@click.argument("name")
@click.pass_obj
def resume(data: Path, /, name: str) -> None:
    """Let the registry NAME go on."""
    from nephoscope.service.registries import change_registry

    with _context(data) as context:
        change_registry(context, name, enabled=True)


@registry.command("remove")
@click.argument("name")
@click.pass_obj
def remove(data: Path, /, name: str) -> None:
    """Watch the registry NAME no more; what it holds stays as it is."""
    from nephoscope.service.registries import remove_registry

    with _context(data) as context:
        remove_registry(context, name)


@registry.command("test")
@click.argument("name")
@click.pass_obj
def test(data: Path, /, name: str) -> None:
    """Try whether the registry NAME lists its repositories; exit code 1 where it does not."""
    import sys

    from nephoscope.service.registries import try_registry

    with _context(data) as context:
        found = try_registry(context, name)
    click.echo(found.message)
    sys.exit(0 if found.works else 1)


@registry.command("secret")
@click.argument("name")
@click.pass_obj
def secret(data: Path, /, name: str) -> None:
    """Make the secret that events of the registry NAME carry, shown this once; the one before counts no more."""
    from nephoscope.service.registries import make_events_secret

    with _context(data) as context:
        made = make_events_secret(context, name)
    click.echo(f"POST /hooks/registries/{name}")
    click.echo(f"Authorization: Bearer {made}")


@registry.command("key")
@click.option(
    "--renew", is_flag=True, help="Make another; what the one before signed is verified with its public key."
)
@click.pass_obj
def key(data: Path, /, renew: bool) -> None:
    """Print the public key by which the server attests its examinations; it is made where there is none."""
    from nephoscope.service.attestation_key import attestation_key

    with _context(data) as context:
        click.echo(attestation_key(context, renew=renew), nl=False)


@registry.command("images")
@click.argument("name", default="")
@click.option("--status", type=click.Choice(_STATUSES, case_sensitive=False), help="Only these.")
@click.option("--text", default="", help="Only those with this in repository, tag or digest.")
@click.option("--top", type=click.IntRange(1, 1000), default=100, show_default=True, help="How many at most.")
@listed
@click.pass_obj
def images(data: Path, /, name: str, status: str | None, text: str, top: int, output: str) -> None:
    """List images of the registry NAME, or of all, the newest first."""
    from nephoscope.cli.session.listing import show_list
    from nephoscope.service.registries import READ_IMAGES
    from nephoscope.state.registries.registry_images import RegistryImageFilter

    wanted = RegistryImageFilter([name] if name else None, [status] if status else [], text)
    with _context(data) as context:
        context.require(READ_IMAGES)
        found = context.state.registry_images.listed(wanted, top)
    show_list([_image_row(one) for one in found], IMAGES, output, "there are no such images")


@registry.command("show")
@click.argument("image")
@listed
@click.pass_obj
def show(data: Path, /, image: str, output: str) -> None:
    """Show why IMAGE (an id, or a part of a name that one image has) stands as it does."""
    from nephoscope.cli.session.listing import show_list
    from nephoscope.cli.terminal.messages import tell

    with _context(data) as context:
        found = _find(context, image)
    show_list([dict(one) for one in found.reasons], REASONS, output, "nothing is told against it")
    tell(f"{found.name}: {found.status.value}{f' by {found.decided_by}' if found.decided_by else ''}")
    if found.decision_reason:
        tell(found.decision_reason)
    if found.error:
        tell(found.error)


@registry.command("promote")
@click.argument("image")
@click.option("--reason", required=True, help="Why it may be used all the same; kept in the audit.")
@click.pass_obj
def promote(data: Path, /, image: str, reason: str) -> None:
    """Let IMAGE (an id, or a part of its name) be promoted although its policy held or rejected it."""
    from nephoscope.service.registries import decide_image

    with _context(data) as context:
        decide_image(context, _find(context, image).id, "promote", reason)


@registry.command("reject")
@click.argument("image")
@click.option("--reason", required=True, help="Why; kept in the audit.")
@click.pass_obj
def reject(data: Path, /, image: str, reason: str) -> None:
    """Reject IMAGE (an id, or a part of its name), which is held."""
    from nephoscope.service.registries import decide_image

    with _context(data) as context:
        decide_image(context, _find(context, image).id, "reject", reason)


@registry.command("examine")
@click.argument("image")
@click.pass_obj
def examine(data: Path, /, image: str) -> None:
    """Have IMAGE (an id, or a part of its name) examined again."""
    from nephoscope.service.registries import examine_again

    with _context(data) as context:
        examine_again(context, [_find(context, image).id])


@command.group("requests")
def requests() -> None:
    """Ask for public images, and answer: what is approved is imported into quarantine."""


@requests.command("list")
@click.option("--status", type=click.Choice(_REQUEST_STATUSES, case_sensitive=False), help="Only these.")
@listed
@click.pass_obj
def list_requests(data: Path, /, status: str | None, output: str) -> None:
    """List requests, those with the nearest deadline first, and how long answers took."""
    from nephoscope.cli.session.listing import show_list
    from nephoscope.cli.terminal.messages import tell
    from nephoscope.service.image_requests import READ, measure_answers

    with _context(data) as context:
        context.require(READ)
        found = context.state.image_requests.listed([status] if status else [], most=1000)
        times = measure_answers(context)
    show_list([_request_row(one) for one in found], REQUESTS, output, "there are no requests")
    if times.median_seconds is not None:
        tell(f"{times.answered} answered, half of them within {times.median_seconds / 3600:.1f} h")


@requests.command("create")
@click.argument("image")
@click.option(
    "--registry", "name", required=True, metavar="NAME", help="The registry that it is to be let into."
)
@click.option("--reason", required=True, help="Why it is needed.")
@click.option("--deadline", type=click.DateTime(), metavar="TIME", help="When it is needed, in UTC.")
@click.pass_obj
def create_request(data: Path, /, image: str, name: str, reason: str, deadline: datetime | None) -> None:
    """Ask for IMAGE, such as docker.io/library/nginx:1.27."""
    from nephoscope.service.image_requests import request_image

    when = deadline.replace(tzinfo=UTC) if deadline else None
    with _context(data) as context:
        made = request_image(context, image, reason, name, deadline=when)
    click.echo(f"{made.id}: {made.image} goes to {made.repository}:{made.tag} once it is approved")


@requests.command("approve")
@click.argument("request_id", metavar="ID")
@click.option("--reason", required=True, help="Why; kept in the audit.")
@click.pass_obj
def approve_request(data: Path, /, request_id: str, reason: str) -> None:
    """Approve the request ID of somebody else: the image is imported into quarantine and examined there."""
    from nephoscope.service.image_requests import answer_request

    with _context(data) as context:
        answer_request(context, request_id, "approve", reason)


@requests.command("deny")
@click.argument("request_id", metavar="ID")
@click.option("--reason", required=True, help="Why; kept in the audit.")
@click.pass_obj
def deny_request(data: Path, /, request_id: str, reason: str) -> None:
    """Deny the request ID of somebody else."""
    from nephoscope.service.image_requests import answer_request

    with _context(data) as context:
        answer_request(context, request_id, "deny", reason)


@requests.command("withdraw")
@click.argument("request_id", metavar="ID")
@click.pass_obj
def withdraw(data: Path, /, request_id: str) -> None:
    """Take back the request ID, which is one's own."""
    from nephoscope.service.image_requests import withdraw_request

    with _context(data) as context:
        withdraw_request(context, request_id)


@contextmanager
def _context(data: Path) -> Iterator[ServiceContext]:
    """Give the context of the data folder; what cannot be done ends the command with its message."""
    from nephoscope.cli.session.services import service_of
    from nephoscope.cli.session.stored import state_of
    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.protect.registry.registry_settings import RegistrySettingsError

    with state_of(data, keeps=True) as state:
        try:
            yield service_of(data, state)
        except RegistrySettingsError as error:
            usage_error(str(error))


def _settings(file: Path | None, document: dict[str, object]) -> RegistrySettings:
    import msgspec

    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.protect.registry.registry_settings import read_settings

    if file is None:
        return read_settings(document)
    try:
        return read_settings(msgspec.json.decode(file.read_bytes(), type=dict[str, Any]))
    except msgspec.DecodeError as error:
        usage_error(f"{file}: {error}")


def _find(context: ServiceContext, text: str) -> RegistryImage:
    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.service.registries import READ_IMAGES
    from nephoscope.state import MissingError
    from nephoscope.state.registries.registry_images import RegistryImageFilter

    context.require(READ_IMAGES)
    images = context.state.registry_images
    try:
        return images.get(text)
    except MissingError:
        found = images.listed(RegistryImageFilter(text=text), 2)
    if len(found) != 1:
        usage_error(
            f"{text}: {'several images have' if found else 'no image has'} this in its name: give the id"
        )
    return found[0]


def _first_reason(one: RegistryImage) -> str:
    """Return why an image stands as it does: why it waits, else what speaks against it."""
    if one.status.value == "Queued" and one.error:
        return one.error
    against = (str(reason.get("text", "")) for reason in one.reasons if reason.get("effect") != "allow")
    return next(against, one.error)


def _image_row(one: RegistryImage) -> dict[str, object]:
    counts = (one.summary or {}).get("vulnerabilities", {})
    return {
        "status": one.status.value, "image": one.name, "verdict": one.verdict, "critical": counts.get("Critical", 0),
        "high": counts.get("High", 0), "reason": _first_reason(one), "error": one.error,
        "received": one.received, "id": one.id, "registry": one.registry, "digest": one.digest, "tags": one.tags,
        "reasons": one.reasons, "summary": one.summary, "target": one.target, "decidedBy": one.decided_by,
    }  # fmt: skip


def _request_row(one: ImageRequest) -> dict[str, object]:
    return {
        "id": one.id, "status": one.status.value, "image": one.image, "registry": one.registry_name,
        "repository": one.repository, "tag": one.tag, "reason": one.reason, "requester": one.requester,
        "created": one.created, "deadline": one.deadline, "expires": one.expires, "answered": one.answered,
        "answeredBy": one.answered_by, "answerReason": one.answer_reason, "digest": one.digest, "error": one.error,
    }  # fmt: skip
