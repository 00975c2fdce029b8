"""An image should have been built lately."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage, read_time
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-age",
    title="An image should have been built lately",
    severity=Severity.LOW,
    description=(
        "The image is older than 180 days: updates of its packages since then are not in it, whether an advisory "
        "speaks of them or not."
    ),
    steps=(
        "Rebuild the image from its current base image at least every month.",
        "Remove images from the registry that nobody uses.",
    ),
    cis="4.4",
)

MAX_AGE = timedelta(days=180)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give an image that is too old, or that does not tell when it was built."""
    built = read_time(image.configuration.created)
    if built is None:
        yield ImageMatch("the image does not tell when it was built", is_unknown=True)
    elif image.now - built > MAX_AGE:
        yield ImageMatch(f"the image was built {(image.now - built).days} days ago, on {built:%Y-%m-%d}")
