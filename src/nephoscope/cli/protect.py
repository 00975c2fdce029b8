"""Protect workloads: watch registries, approve or reject quarantined images, analyze packet captures"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.protections import load_protection_commands
from nephoscope.cli.session.operation_commands import add_operations, build_command
from nephoscope.cli.session.registry_service import open_registry_service
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.operations.protect import image_requests, registries, registry_images

if TYPE_CHECKING:
    from nephoscope.protect.registry.registry_settings import RegistrySettings


@click.group("protect")
def command() -> None:
    """Protect workloads before and while they run."""


@command.group("registry")
def registry() -> None:
    """Monitor container registries: images are scanned in quarantine and promoted by policy."""


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
    with open_registry_service(data) as context:
        add_registry(
            context, name, address, _convert_settings(file, document), username=username,
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

    with open_registry_service(data) as context:
        change_registry(context, name, settings=_convert_settings(file, {}))


def _convert_settings(file: Path | None, document: dict[str, object]) -> RegistrySettings:
    import msgspec

    from nephoscope.protect.registry.registry_settings import read_settings

    if file is None:
        return read_settings(document)
    try:
        return read_settings(msgspec.json.decode(file.read_bytes(), type=dict[str, object]))
    except msgspec.DecodeError as error:
        exit_with_usage_error(f"{file}: {error}")


add_operations(registry, registries.OPERATIONS, registry_images.OPERATIONS)
command.add_command(build_command(image_requests.OPERATIONS), "requests")
for protection in load_protection_commands():
    command.add_command(protection)
