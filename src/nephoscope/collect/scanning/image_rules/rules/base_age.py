"""An image should use a recently built base image."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage, read_time
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-base-age",
    title="An image should use a recently built base image",
    severity=Severity.MEDIUM,
    description=(
        "The lowest layer of the image is older than 180 days: the packages of the operating system are as old, "
        "though the image itself may be new."
    ),
    steps=(
        "Pull the base image again for each build (docker build --pull).",
        "Take a newer release where the base is not built any more.",
    ),
    cis="4.4",
)

MAX_AGE = timedelta(days=180)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give an image whose lowest layer is too old, or does not tell when it was made."""
    lowest = next((step for step in image.history if not step.empty_layer), None)
    made = read_time(lowest.created) if lowest else None
    if made is None:
        if image.configuration.rootfs.diff_ids:
            yield ImageMatch("the history does not tell when the lowest layer was made", is_unknown=True)
    elif image.now - made > MAX_AGE:
        yield ImageMatch(f"its lowest layer was made {(image.now - made).days} days ago, on {made:%Y-%m-%d}")
