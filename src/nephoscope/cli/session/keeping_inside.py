"""How commands that look inside keep what they found: their options, and what they say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

if TYPE_CHECKING:
    from nephoscope.collect.images.image import Image
    from nephoscope.collect.scanning.contents import Contents
    from nephoscope.service.inventories import ImageScan, MachineScan

_Command = TypeVar("_Command", bound=Callable[..., Any])


def keep_options(command: _Command) -> _Command:
    """Add the options that say whether what was found is kept, and of which resource it is."""
    options = (
        click.option("--keep", is_flag=True, help="Keep the packages and their vulnerabilities, in place of the scan before."),
        click.option(
            "--resource", default="", metavar="ID",
            help="With --keep: the id in ARM of the machine, or of the registry that holds the image.",
        ),
        click.option("--tenant", default="", metavar="ID", help="With --keep: the tenant that it belongs to."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Keeping:
    """Whether what was found is kept, the id in ARM of the resource that it is of, and its tenant."""

    keep: bool
    resource: str
    tenant: str

    @classmethod
    def asked(cls, options: Mapping[str, Any]) -> Self:
        """Return what the options say. Raises UsageError where a resource or a tenant is named and nothing is kept."""
        found = cls(options["keep"], options["resource"], options["tenant"])
        if not found.keep and (found.resource or found.tenant):
            raise click.UsageError("--resource and --tenant say of what something is kept: give --keep, too")
        return found

    def machine(self, contents: Contents, host: str) -> MachineScan:
        """Return what is kept of a machine that was scanned just now; without a host it is named by its resource."""
        from nephoscope.service.inventories import OWN_SCANNER, MachineScan

        name = host or self.resource.rpartition("/")[2]
        return MachineScan(
            contents, datetime.now(UTC), name, self.resource, self.tenant, OWN_SCANNER, version("nephoscope")
        )

    def image(self, contents: Contents, image: Image, target: str, tag: str) -> ImageScan:
        """Return what is kept of an image that was scanned just now; one of a file is known by the file's name."""
        from nephoscope.collect.images.reference import ImageReference
        from nephoscope.service.inventories import OWN_SCANNER, ImageScan

        host, repository = "", Path(target).name.lower()
        if not Path(target).exists():
            reference = ImageReference.parse(target)
            host, repository, tag = reference.host, reference.repository, tag or reference.tag
        return ImageScan(
            contents, datetime.now(UTC), repository, image.digest, host, (tag,) if tag else (), self.resource, self.tenant,
            OWN_SCANNER, version("nephoscope"),
        )  # fmt: skip


def keep_scan(data: Path, scan: MachineScan | ImageScan) -> None:
    """Keep a scan, publish its findings, and say what it changed; ends the process with 2 where it cannot be kept."""
    from nephoscope.cli.session.services import service_of
    from nephoscope.cli.session.stored import state_of
    from nephoscope.cli.terminal.messages import tell, usage_error
    from nephoscope.service.inventories import keep_inventory
    from nephoscope.service.vulnerability_facts import publish_findings
    from nephoscope.state import StateError

    try:
        with state_of(data, keeps=True) as state:
            context = service_of(data, state)
            kept = keep_inventory(context, scan)
            publish_findings(context)
    except StateError as error:
        usage_error(str(error))
    changes = kept.changes
    tell(
        f"kept: {kept.subject.name}: {kept.subject.packages:,} packages; findings: {changes.opened:,} opened, "
        f"{changes.closed:,} closed, {changes.reopened:,} opened again"
    )
