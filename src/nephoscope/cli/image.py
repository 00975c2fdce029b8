"""Look into an image: its packages and their vulnerabilities"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.inside import FORMATS

if TYPE_CHECKING:
    from nephoscope.collect.images.image import Image, Wanted

_SEVERITIES = ("Critical", "High", "Medium", "Low", "Negligible")


@click.command("image")
@click.argument("target", metavar="IMAGE|PATH")
@click.option(
    "--tag", default="", metavar="NAME", help="Which image of a layout or an archive that holds several."
)
@click.option(
    "--platform",
    default="linux/amd64",
    show_default=True,
    metavar="OS/ARCH",
    help="The machine that the image is for.",
)
@click.option("--packages", is_flag=True, help="List the packages instead of the vulnerabilities.")
@click.option(
    "--insecure", is_flag=True, help="Speak to the registry without TLS (to this machine it is always so)."
)
@click.option(
    "--fail-on",
    type=click.Choice(_SEVERITIES, case_sensitive=False),
    help="Exit 1 when a vulnerability is as severe.",
)
@click.option("--fail-on-unknown", is_flag=True, help="Exit 3 when a package was not assessed.")
@click.option(
    "--output", "-o", type=click.Choice(FORMATS), default="table", show_default=True,
    help="How it is shown; cyclonedx and spdx are bills of materials of the packages.",
)  # fmt: skip
@click.pass_obj
def command(data: Path, /, target: str, tag: str, platform: str, packages: bool, insecure: bool, fail_on: str | None,
            fail_on_unknown: bool, output: str) -> None:  # fmt: skip
    """Look into an image: a folder of the OCI layout, an archive (docker save, oci-archive), or a name in a registry.

    Logins are those of docker and podman. A layer is read once; what it holds is kept in the data folder. Vulnerabilities are those
    of the advisories that were imported (`nephoscope vulnerabilities import`); packages that none speaks of are not assessed.
    """
    from nephoscope.cli.session.inside import Asked, assess, show_contents
    from nephoscope.cli.terminal.messages import usage_error
    from nephoscope.collect.images.errors import ImageError
    from nephoscope.collect.scanning.image_scan import scan_image
    from nephoscope.collect.scanning.layer_cache import LayerFolder
    from nephoscope.vulnerability.errors import DatabaseFileError

    try:
        with ExitStack() as stack:
            image = _open(stack, target, tag, platform, insecure)
            contents = scan_image(image, LayerFolder(data / "inventory" / "layers"))
        assessments = assess(data, contents)
    except (ImageError, DatabaseFileError) as error:
        usage_error(str(error))
    show_contents(image.name, contents, assessments, Asked(output, packages, fail_on or "", fail_on_unknown))


def _open(stack: ExitStack, target: str, tag: str, platform: str, insecure: bool) -> Image:
    """Open what a target names; what is a path of a file or folder is no name in a registry."""
    from nephoscope.collect.images.archive import open_archive
    from nephoscope.collect.images.layout import is_layout, open_layout

    wanted = _wanted(platform)
    path = Path(target)
    if path.is_dir() and is_layout(path):
        return open_layout(path, tag, wanted)
    if path.is_file():
        image = open_archive(path, tag, wanted)
        stack.callback(getattr(image.store, "close", lambda: None))
        return image
    if path.exists():
        raise click.UsageError(
            f"{target} is neither an OCI layout nor an archive; for a folder of files: nephoscope inventory {target}"
        )
    return _open_in_registry(stack, target, wanted, insecure)


def _open_in_registry(stack: ExitStack, target: str, wanted: Wanted, insecure: bool) -> Image:
    from nephoscope.collect.images.credentials import find_credential
    from nephoscope.collect.images.reference import ImageReference
    from nephoscope.collect.images.registry import Registry, open_registry_image

    reference = ImageReference.parse(target)
    registry = stack.enter_context(
        Registry(reference.address, find_credential(reference.host), insecure=insecure)
    )
    return open_registry_image(registry, reference, wanted)


def _wanted(platform: str) -> Wanted:
    from nephoscope.collect.images.image import Wanted

    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    if not (system and architecture):
        raise click.UsageError(f"--platform is OS/ARCH or OS/ARCH/VARIANT, not {platform!r}")
    return Wanted(system, architecture, variant)
