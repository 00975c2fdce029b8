"""Protect workloads: watch registries, and approve or reject quarantined images"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nephoscope.cli.session.image_requests import requests
from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.registry_service import registry_service
from nephoscope.cli.terminal.messages import tell, usage_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.protect.registry.registry_settings import RegistrySettings
    from nephoscope.state.registries.registry_images import RegistryImage

REGISTRIES = ("name", "address", "enabled", "queued", "held", "promoted", "rejected", "polled", "error")
IMAGES = ("status", "image", "verdict", "critical", "high", "reason", "received", "id")
REASONS = ("effect", "kind", "text", "platform")
_STATUSES = ("Queued", "Untagged", "Held", "Promoted", "Rejected", "Passed", "Failed", "Gone")


@click.group("protect")
def command() -> None:
    """Protect workloads before and while they run."""


@command.group("registry")
def registry() -> None:
    """Monitor container registries: images are scanned in quarantine and promoted by policy."""


@registry.command("list")
@list_options
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List registries with the number of waiting, held, promoted and rejected images."""
    from nephoscope.protect.registry.registry_watch import POLLED
    from nephoscope.service.registries import list_registries
    from nephoscope.state.registries.registry_images import RegistryImageFilter

    rows = []
    with registry_service(data) as context:
        state = context.state
        for one in list_registries(context):
            counts = state.registry_images.counts(RegistryImageFilter([one.name]))
            polled = state.checkpoints.get(POLLED, one.name) or {}
            rows.append(
                {
                    "name": one.name, "address": one.address, "enabled": one.enabled,
                    **{name: counts.get(name.capitalize(), 0) for name in ("queued", "held", "promoted", "rejected")},
                    "polled": polled.get("at", ""), "error": polled.get("error", ""), "settings": one.settings,
                }
            )  # fmt: skip
    show_list(rows, REGISTRIES, output, "no registries: add one with `nephoscope protect registry add`")


@registry.command("add")
@click.argument("name")
@click.argument("address")
@click.option("--username", default="", metavar="NAME", help="User name for the registry.")
@click.option(
    "--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="Password file; /dev/stdin reads standard input.",
)  # fmt: skip
@click.option(
    "--quarantine",
    default="quarantine/*",
    show_default=True,
    metavar="PREFIX/*",
    help="Quarantine repositories.",
)
@click.option(
    "--approved",
    default="approved/*",
    show_default=True,
    metavar="PREFIX/*",
    help="Destination of promoted images.",
)
@click.option(
    "--settings", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="JSON document of all settings with the policy, instead of --quarantine and --approved.",
)  # fmt: skip
@click.option("--insecure", is_flag=True, help="Connect without TLS (always the case for localhost).")
@click.option(
    "--workspace",
    default="default",
    show_default=True,
    help="Workspace for the registry's events and verdicts.",
)
@click.pass_obj
def add(
    data: Path, /, name: str, address: str, username: str, password_file: Path | None, quarantine: str, approved: str,
    file: Path | None, insecure: bool, workspace: str,
) -> None:  # fmt: skip
    """Monitor the registry at ADDRESS (HOST or HOST:PORT) as NAME."""
    from nephoscope.protect.registry.registry_connection import RegistrySecrets
    from nephoscope.service.registries import add_registry

    document = {"quarantine": [{"quarantine": quarantine, "approved": approved}], "insecure": insecure}
    password = password_file.read_text(encoding="utf-8").rstrip("\n") if password_file else ""
    with registry_service(data) as context:
        add_registry(
            context, name, address, _settings(file, document), username=username,
            given=RegistrySecrets(password=password), workspace=workspace,
        )  # fmt: skip
    click.echo(f"{name}: added; `nephoscope serve` scans its images")


@registry.command("set")
@click.argument("name")
@click.option(
    "--settings", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="JSON document of all settings with the policy.",
)  # fmt: skip
@click.pass_obj
def set_(data: Path, /, name: str, file: Path) -> None:
    """Change the settings of the registry NAME, such as its policy."""
    from nephoscope.service.registries import change_registry

    with registry_service(data) as context:
        change_registry(context, name, settings=_settings(file, {}))


@registry.command("pause")
@click.argument("name")
@click.pass_obj
def pause(data: Path, /, name: str) -> None:
    """Pause the registry NAME: its images are neither scanned nor promoted."""
    from nephoscope.service.registries import change_registry

    with registry_service(data) as context:
        change_registry(context, name, enabled=False)


@registry.command("resume")
@click.argument("name")
@click.pass_obj
def resume(data: Path, /, name: str) -> None:
    """Resume the registry NAME."""
    from nephoscope.service.registries import change_registry

    with registry_service(data) as context:
        change_registry(context, name, enabled=True)


@registry.command("remove")
@click.argument("name")
@click.pass_obj
def remove(data: Path, /, name: str) -> None:
    """Stop monitoring the registry NAME; its images are preserved."""
    from nephoscope.service.registries import remove_registry

    with registry_service(data) as context:
        remove_registry(context, name)


@registry.command("test")
@click.argument("name")
@click.pass_obj
def test(data: Path, /, name: str) -> None:
    """Test the connection to the registry NAME; exits 1 if its repositories cannot be listed."""
    import sys

    from nephoscope.service.registries import try_registry

    with registry_service(data) as context:
        found = try_registry(context, name)
    click.echo(found.message)
    sys.exit(0 if found.works else 1)


@registry.command("secret")
@click.argument("name")
@click.pass_obj
def secret(data: Path, /, name: str) -> None:
    """Create the webhook secret for events of the registry NAME. It is shown only once and replaces the
    previous secret.
    """
    from nephoscope.service.registries import make_events_secret

    with registry_service(data) as context:
        made = make_events_secret(context, name)
    click.echo(f"POST /hooks/registries/{name}")
    click.echo(f"Authorization: Bearer {made}")


@registry.command("key")
@click.option(
    "--renew",
    is_flag=True,
    help="Create a new key; attestations by the previous key are verified with its public key.",
)
@click.pass_obj
def key(data: Path, /, renew: bool) -> None:
    """Print the public key of the server's attestations, and create it if necessary."""
    from nephoscope.service.attestation_key import attestation_key

    with registry_service(data) as context:
        click.echo(attestation_key(context, renew=renew), nl=False)


@registry.command("images")
@click.argument("name", default="")
@click.option(
    "--status", type=click.Choice(_STATUSES, case_sensitive=False), help="Show only images with this status."
)
@click.option(
    "--text", default="", help="Show only images whose repository, tag or digest contains this text."
)
@click.option(
    "--top", type=click.IntRange(1, 1000), default=100, show_default=True, help="Maximum number of images."
)
@list_options
@click.pass_obj
def images(data: Path, /, name: str, status: str | None, text: str, top: int, output: str) -> None:
    """List images of the registry NAME, or of all, newest first."""
    from nephoscope.service.registries import list_images
    from nephoscope.state.registries.registry_images import RegistryImageFilter

    wanted = RegistryImageFilter([name] if name else None, [status] if status else [], text)
    with registry_service(data) as context:
        found = list_images(context, wanted, top)
    show_list([_image_row(one) for one in found], IMAGES, output, "no matching images")


@registry.command("show")
@click.argument("image")
@list_options
@click.pass_obj
def show(data: Path, /, image: str, output: str) -> None:
    """Explain the status of IMAGE (an ID, or a unique part of a name)."""
    from nephoscope.service.registries import find_image

    with registry_service(data) as context:
        found = find_image(context, image)
    show_list(
        [dict.fromkeys(REASONS, "") | dict(one) for one in found.reasons],
        REASONS,
        output,
        "no findings",
    )
    for line in _statements(found.summary or {}):
        tell(line)
    tell(f"{found.name}: {found.status.value}{f' by {found.decided_by}' if found.decided_by else ''}")
    if found.decision_reason:
        tell(found.decision_reason)
    if found.error:
        tell(found.error)


def _statements(summary: Mapping[str, Any]) -> Iterator[str]:
    """Say who signed an image, and what is attested of it."""
    if summary.get("signedBy"):
        yield f"signed by {', '.join(summary['signedBy'])}"
    for one in summary.get("attestations", ()):
        builder = f", built by {one['builder']}" if one.get("builder") else ""
        yield f"attested by {', '.join(one['keys'])}: {one['predicateType']}{builder}"


@registry.command("promote")
@click.argument("image")
@click.option("--reason", required=True, help="Justification, stored in the audit log.")
@click.pass_obj
def promote(data: Path, /, image: str, reason: str) -> None:
    """Approve IMAGE (an ID, or a part of its name) although its policy held or rejected it."""
    from nephoscope.service.registries import decide_image, find_image

    with registry_service(data) as context:
        decide_image(context, find_image(context, image).id, "promote", reason)


@registry.command("reject")
@click.argument("image")
@click.option("--reason", required=True, help="Reason, stored in the audit log.")
@click.pass_obj
def reject(data: Path, /, image: str, reason: str) -> None:
    """Reject the held image IMAGE (an ID, or a part of its name)."""
    from nephoscope.service.registries import decide_image, find_image

    with registry_service(data) as context:
        decide_image(context, find_image(context, image).id, "reject", reason)


@registry.command("examine")
@click.argument("image")
@click.pass_obj
def examine(data: Path, /, image: str) -> None:
    """Scan IMAGE (an ID, or a part of its name) again."""
    from nephoscope.service.registries import examine_again, find_image

    with registry_service(data) as context:
        examine_again(context, [find_image(context, image).id])


def _settings(file: Path | None, document: dict[str, object]) -> RegistrySettings:
    import msgspec

    from nephoscope.protect.registry.registry_settings import read_settings

    if file is None:
        return read_settings(document)
    try:
        return read_settings(msgspec.json.decode(file.read_bytes(), type=dict[str, Any]))
    except msgspec.DecodeError as error:
        usage_error(f"{file}: {error}")


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


command.add_command(requests)
