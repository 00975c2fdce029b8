"""Scan a container image for vulnerabilities, misconfiguration, secrets and malware"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from nephoscope.cli.session.inventory_options import InventoryOptions, keep_options
from nephoscope.cli.session.scan_output import PARTS, inside_options, wishes
from nephoscope.cli.terminal.messages import usage_error
from nephoscope.state import StateError
from nephoscope.vulnerability.errors import DatabaseFileError

if TYPE_CHECKING:
    from nephoscope.cli.session.scan_output import InsideOptions
    from nephoscope.collect.images.image import Image, PlatformSelector
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
@inside_options
@keep_options
@click.pass_obj
def command(data: Path, /, target: str, tag: str, platform: str, packages: bool, look_for: tuple[ExaminedPart, ...], insecure: bool,
            allowed: tuple[str, ...], denied: tuple[str, ...], **asked: Unpack[InsideOptions]) -> None:  # fmt: skip
    """Scan an image: an OCI layout folder, an archive (docker save, oci-archive), or a name in a registry.
    The credentials of docker and podman are used. Each layer is read once; results are stored in the data
    folder, without secret values. Vulnerabilities come from imported advisories (`nephoscope
    vulnerabilities import`); packages without any advisory are not assessed. Malware is detected by rules
    (extra malware), by ClamAV if it is installed, and by hashes from threat intelligence.
    """
    from nephoscope.cli.session.inventory_options import keep_scan
    from nephoscope.cli.session.scan_output import assess, circumstances, show_examination
    from nephoscope.collect.images.errors import ImageError
    from nephoscope.collect.malware.errors import MalwareRuleError
    from nephoscope.collect.scanning.examination_builder import examine_image
    from nephoscope.collect.scanning.image_scan import ImageReading
    from nephoscope.collect.scanning.layer_cache import LayerFolder
    from nephoscope.service.examinations import looked_for

    keeping = InventoryOptions.parse(asked)
    parts = () if packages else look_for
    judged_by = wishes(asked, packages=packages)
    around = circumstances(data, parts, allowed, denied)
    try:
        wanted = looked_for(data, parts, around.now)
        with ExitStack() as stack:
            image = _open(stack, target, tag, platform, insecure)
            reading = ImageReading(wanted, LayerFolder(data / "inventory" / "layers", wanted.digest))
            found = examine_image(image, reading, around, tag or _tag_of(target))
        assessments = assess(data, found.contents, judged_by, keeping.exempted_image(image, target, tag))
    except (ImageError, DatabaseFileError, MalwareRuleError, StateError) as error:
        usage_error(str(error))
    if keeping.keep:
        keep_scan(data, keeping.image(found, image, target, tag))
    show_examination(image.name, found, assessments, judged_by)


def _tag_of(target: str) -> str:
    """Return the tag that a name asks for, '' for a path or a digest."""
    if Path(target).exists():
        return ""
    from nephoscope.collect.images.image_name import ImageReference

    return ImageReference.parse(target).tag


def _open(stack: ExitStack, target: str, tag: str, platform: str, insecure: bool) -> Image:
    """Open what a target names; what is a path of a file or folder is no name in a registry."""
    from nephoscope.collect.images.layout import is_layout, open_layout

    wanted = _parse_platform(platform)
    path = Path(target)
    if path.is_dir() and is_layout(path):
        return open_layout(path, tag, wanted)
    if path.is_file():
        from nephoscope.collect.images.archive import open_archive

        image = open_archive(path, tag, wanted)
        stack.callback(getattr(image.store, "close", lambda: None))
        return image
    if path.exists():
        raise click.UsageError(
            f"{target} is neither an OCI layout nor an archive; for a folder of files, use nephoscope "
            f"inventory {target}"
        )
    return _open_in_registry(stack, target, wanted, insecure)


def _open_in_registry(stack: ExitStack, target: str, wanted: PlatformSelector, insecure: bool) -> Image:
    from nephoscope.collect.images.credentials import find_credential
    from nephoscope.collect.images.image_name import ImageReference
    from nephoscope.collect.images.registry import Registry, open_registry_image

    reference = ImageReference.parse(target)
    registry = stack.enter_context(
        Registry(reference.address, find_credential(reference.host), insecure=insecure)
    )
    return open_registry_image(registry, reference, wanted)


def _parse_platform(platform: str) -> PlatformSelector:
    from nephoscope.collect.images.image import PlatformSelector

    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    if not (system and architecture):
        raise click.UsageError(f"--platform must be OS/ARCH or OS/ARCH/VARIANT (got {platform!r})")
    return PlatformSelector(system, architecture, variant)
