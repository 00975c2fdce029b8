"""An image should be used by a tag that names its version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-latest-tag",
    title="An image should be used by a tag that names its version",
    severity=Severity.MEDIUM,
    description=(
        "latest is another image tomorrow: what was scanned is not what runs, and nobody can tell which version was"
        " running."
    ),
    steps=(
        "Give the image a tag of its version when it is pushed, and use it by that tag or by its digest.",
    ),
)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give an image that was asked for as latest."""
    if image.tag == "latest":
        yield ImageMatch("the image is asked for as latest")
