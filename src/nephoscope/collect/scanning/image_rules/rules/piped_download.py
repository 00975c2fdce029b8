"""Check that downloads in a build are verified before they run."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope.collect.scanning.image_rules.shell_downloads import is_download_command
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-piped-download",
    title="What is downloaded in a build should be checked before it is run",
    severity=Severity.MEDIUM,
    description=(
        "A build step ran a script directly from a URL: anyone who controls the URL or the network path "
        "to it decided what is in the image."
    ),
    steps=(
        "Download to a file, check its digest or signature, and then run it.",
        "Install from the packages of the distribution where there are any.",
    ),
    cis="4.11",
)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each step of the history that runs what it downloads."""
    for place, step in enumerate(image.history, 1):
        if is_download_command(step.created_by):
            yield ImageMatch(f"step {place} of the history runs what it downloads")
