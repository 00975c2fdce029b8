"""An image should name the user that its containers run as."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-no-user",
    title="An image should name the user that its containers run as",
    severity=Severity.MEDIUM,
    description=(
        "The image names no user: its containers run as root where nobody says otherwise when they are started."
    ),
    steps=("Create a user in the Dockerfile and name it by its number: USER 10001:10001.",),
    cis="4.1",
)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give an image for Linux without a user."""
    if not image.run.User.partition(":")[0].strip() and not image.is_windows:
        yield ImageMatch("no user is named: containers run as root")
