"""A container should not run what it downloads when it starts."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope.collect.scanning.image_rules.shell_downloads import is_download_command
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-downloading-entry",
    title="A container should not run what it downloads when it starts",
    severity=Severity.HIGH,
    description=(
        "The command of the image downloads a script and runs it: what runs is not in the image, cannot be scanned,"
        " and is another one when its address answers otherwise."
    ),
    steps=(
        "Put what is run into the image when it is built, checked by its digest.",
        "Find out who built the image: this is how miners are started.",
    ),
)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give an entry point or command that runs a download."""
    if is_download_command(image.command):
        yield ImageMatch("the command of its containers downloads a script and runs it")
