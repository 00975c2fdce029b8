"""Targets that name an image: an OCI layout, an archive, or a name in a registry."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nephoscope.collect.images.image import Image, PlatformSelector


def parse_tag(target: str) -> str:
    """Return the tag that a name asks for, '' for a path or a digest."""
    if Path(target).exists():
        return ""
    from nephoscope.collect.images.image_name import ImageReference

    return ImageReference.parse(target).tag


def open_image_target(stack: ExitStack, target: str, tag: str, platform: str, insecure: bool) -> Image:
    """Open what a target names; what is a path of a file or folder is no name in a registry. Raises ImageError."""
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
    if target.startswith(("/", "./", "../", "~")):
        raise click.UsageError(
            f"{target} not found: use the path of an OCI layout or archive, or an image name"
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
