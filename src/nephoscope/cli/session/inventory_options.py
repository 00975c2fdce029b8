"""Inventory options: how scan commands store their results, and the messages about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict, TypeVar

import click
import msgspec

from nephoscope import __version__
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.state import StateError

if TYPE_CHECKING:
    from nephoscope.collect.images.image import Image
    from nephoscope.collect.scanning.examination import ImageExamination
    from nephoscope.collect.scanning.scan_contents import InventoryContents
    from nephoscope.service.exemption_subjects import ExemptedSubject
    from nephoscope.service.inventories import ImageScan, MachineScan

_Command = TypeVar("_Command", bound=Callable[..., object])


def add_keep_options(command: _Command) -> _Command:
    """Add the options that say whether what was found is kept, and of which resource it is."""
    options = (
        click.option("--keep", is_flag=True, help="Store the results, replacing the previous scan."),
        click.option(
            "--resource", default="", metavar="ID",
            help="With --keep: ARM ID of the machine, or of the registry that holds the image.",
        ),
        click.option("--tenant", default="", metavar="ID", help="With --keep: tenant of the machine or image."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


class KeepOptions(TypedDict):
    """The options of `add_keep_options` as click hands them over."""

    keep: bool
    resource: str
    tenant: str


class InventoryOptions(msgspec.Struct, frozen=True):
    """Options for storing an inventory: whether to keep it, the ARM id of its resource, and its tenant."""

    keep: bool
    resource: str
    tenant: str

    @classmethod
    def parse(cls, options: KeepOptions) -> Self:
        """Return what the options say. Raises UsageError where a resource or a tenant is named and nothing is kept."""
        found = cls(options["keep"], options["resource"], options["tenant"])
        if not found.keep and (found.resource or found.tenant):
            raise click.UsageError("--resource and --tenant require --keep")
        return found

    def build_machine_scan(self, contents: InventoryContents, host: str) -> MachineScan:
        """Return what is kept of a machine that was scanned just now; without a host it is named by its resource."""
        from nephoscope.service.inventories import MachineScan
        from nephoscope.state.inventory.subject import OWN_SCANNER

        name = host or self.resource.rpartition("/")[2]
        return MachineScan(
            contents, datetime.now(UTC), name, self.resource, self.tenant, OWN_SCANNER, __version__
        )

    def build_exempted_machine(self) -> ExemptedSubject:
        """Return what exemptions are asked about of a machine."""
        from nephoscope.service.exemption_subjects import ExemptedSubject

        return ExemptedSubject(frozenset(), self.resource.lower().rstrip("/"), self.tenant.lower())

    def build_exempted_image(self, image: Image, target: str, tag: str) -> ExemptedSubject:
        """Return what exemptions are asked about of an image: all of its names."""
        from nephoscope.service.exemption_subjects import ExemptedSubject, list_image_names

        host, repository, tags = _parse_target(target, tag)
        names = list_image_names(host, repository, image.digest, tags)
        return ExemptedSubject(names, self.resource.lower().rstrip("/"), self.tenant.lower())

    def build_image_scan(self, found: ImageExamination, image: Image, target: str, tag: str) -> ImageScan:
        """Return what is kept of an image that was scanned just now; one of a file is known by the file's name."""
        from nephoscope.service.image_examinations import store_form
        from nephoscope.service.inventories import ImageScan
        from nephoscope.state.inventory.subject import OWN_SCANNER

        host, repository, tags = _parse_target(target, tag)
        return ImageScan(
            found.contents, datetime.now(UTC), repository, image.digest, host, tags, self.resource, self.tenant,
            OWN_SCANNER, __version__, store_form(found),
        )  # fmt: skip


def _parse_target(target: str, tag: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the host, the repository and the tags of what a target names; a file is known by its own name."""
    if Path(target).exists():
        return "", Path(target).name.lower(), (tag,) if tag else ()
    from nephoscope.collect.images.image_name import ImageReference

    reference = ImageReference.parse(target)
    called = tag or reference.tag
    return reference.host, reference.repository, (called,) if called else ()


def store_scan(data: Path, scan: MachineScan | ImageScan) -> None:
    """Keep a scan, publish its findings, and say what it changed; ends the process with 2 where it cannot be kept."""
    from nephoscope.cli.session.lake_access import open_lake
    from nephoscope.cli.session.service_context import build_context
    from nephoscope.lake.writing.outbox import deliver_outbox
    from nephoscope.service.inventories import keep_inventory
    from nephoscope.service.vulnerability_facts import publish_findings

    try:
        with open_lake(data) as (lake, state):
            context = build_context(data, state)
            kept = keep_inventory(context, scan)
            publish_findings(context)
            deliver_outbox(lake, state)
    except StateError as error:
        exit_with_usage_error(str(error))
    changes = kept.changes
    print_message(
        f"stored: {kept.subject.name}: {format_count(kept.subject.packages, 'package')}; "
        f"findings: {changes.opened:,} opened, {changes.closed:,} closed, {changes.reopened:,} "
        f"reopened{_count_other_findings(scan)}"
    )


def _count_other_findings(scan: MachineScan | ImageScan) -> str:
    """Return the words that count what was stored of an image beside vulnerabilities; '' where nothing else was examined."""
    examination = getattr(scan, "examination", None)
    if examination is None:
        return ""
    parts = ", ".join(
        f"{count:,} {kind.replace('_', ' ')}" for kind, count in sorted(examination.counts.items())
    )
    return f"; other findings: {parts or 'none'}"
