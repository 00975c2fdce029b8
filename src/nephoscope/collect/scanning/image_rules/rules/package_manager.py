"""An image should hold no package manager."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.file_inspection import PACKAGE_MANAGERS
from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-package-manager",
    title="An image should hold no package manager",
    severity=Severity.INFORMATIONAL,
    description=(
        "A package manager in an image is of use to who breaks in: it brings the tools that the image does not "
        "have."
    ),
    steps=(
        "Build in one stage, and copy what runs into another that has no package manager (a distroless or scratch base).",
    ),
    cis="4.3",
)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each program that installs packages of the operating system."""
    for path, noted in sorted(image.noted.items()):
        if not noted.is_folder and path.rpartition("/")[2] in PACKAGE_MANAGERS:
            yield ImageMatch("it installs packages", path, noted.layer)
