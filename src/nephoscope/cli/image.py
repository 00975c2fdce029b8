"""Scan a container image for vulnerabilities, misconfiguration, secrets and malware"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.image_targets import open_image_target, parse_tag
from nephoscope.cli.session.inventory_options import InventoryOptions, add_keep_options
from nephoscope.cli.session.scan_output import PARTS, add_contents_options, to_inspection_options
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.state import StateError
from nephoscope.vulnerability.errors import DatabaseFileError

if TYPE_CHECKING:
    from nephoscope.cli.session.scan_output import InsideOptions
    from nephoscope.collect.scanning.examination import ExaminedPart


@click.command("image")
@click.argument("target", metavar="IMAGE|PATH")
@click.option(
    "--tag", default="", metavar="NAME", help="Image to read from a layout or archive that holds several."
)
@click.option(
    "--platform",
    default="linux/amd64",
    show_default=True,
    metavar="OS/ARCH",
    help="Platform of the image.",
)
@click.option("--packages", is_flag=True, help="List packages only, without any checks.")
@click.option(
    "--look-for", type=click.Choice(PARTS), multiple=True, default=PARTS, show_default=True,
    help="Checks to run besides packages and vulnerabilities; may be repeated.",
)  # fmt: skip
@click.option(
    "--insecure", is_flag=True, help="Connect to the registry without TLS (always the case for localhost)."
)
@add_contents_options
@add_keep_options
@click.pass_obj
def command(data: Path, /, target: str, tag: str, platform: str, packages: bool, look_for: tuple[ExaminedPart, ...], insecure: bool,
            allowed: tuple[str, ...], denied: tuple[str, ...], **asked: Unpack[InsideOptions]) -> None:  # fmt: skip
    """Scan an image: an OCI layout folder, an archive (docker save, oci-archive), or a name in a registry.
    The credentials of docker and podman are used. Each layer is read once; results are stored in the data
    folder, without secret values. Vulnerabilities come from imported advisories (`nephoscope
    vulnerabilities import`); packages without any advisory are not assessed. Malware is detected by rules
    (extra malware), by ClamAV if it is installed, and by hashes from threat intelligence.
    """
    from nephoscope.cli.session.inventory_options import store_scan
    from nephoscope.cli.session.scan_output import assess_contents, load_examination_context, show_examination
    from nephoscope.cli.session.vex_files import close_by_statements, list_image_names, read_statements
    from nephoscope.collect.images.errors import ImageError
    from nephoscope.collect.malware.errors import MalwareRuleError
    from nephoscope.collect.scanning.examination_builder import examine_image
    from nephoscope.collect.scanning.image_scan import ImageReading
    from nephoscope.collect.scanning.layer_cache import LayerFolder
    from nephoscope.service.examinations import describe_engines

    keeping, statements = InventoryOptions.parse(asked), read_statements(asked["vex"])
    parts = () if packages else look_for
    judged_by = to_inspection_options(asked, packages=packages)
    around = load_examination_context(data, parts, allowed, denied)
    try:
        wanted = describe_engines(data, parts, around.now)
        with ExitStack() as stack:
            image = open_image_target(stack, target, tag, platform, insecure)
            reading = ImageReading(wanted, LayerFolder(data / "inventory" / "layers", wanted.digest))
            found = examine_image(image, reading, around, tag or parse_tag(target))
        assessments = assess_contents(
            data, found.contents, judged_by, keeping.build_exempted_image(image, target, tag)
        )
        assessments = close_by_statements(assessments, statements, list_image_names(image, target))
    except (ImageError, DatabaseFileError, MalwareRuleError, StateError) as error:
        exit_with_usage_error(str(error))
    if keeping.keep:
        store_scan(data, keeping.build_image_scan(found, image, target, tag))
    show_examination(image.name, found, assessments, judged_by)
