"""A container should not run as root."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-root-user",
    title="A container should not run as root",
    severity=Severity.HIGH,
    description=(
        "The image runs its containers as root: an attacker who breaks into one is root there, one kernel"
        " or runtime vulnerability away from the host."
    ),
    steps=(
        "Create a user in the Dockerfile and name it by its number: USER 10001:10001.",
        "Give the folders that the program writes to that user.",
    ),
    cis="4.1",
)

_ROOT = ("root", "0")


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give the user where it is root, by name or by number."""
    user = image.run.User.partition(":")[0].strip()
    if user in _ROOT and not image.is_windows:
        yield ImageMatch(f"containers run as {image.run.User}")
