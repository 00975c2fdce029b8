"""Files should not be added from addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-remote-add",
    title="Files should not be added from addresses",
    severity=Severity.MEDIUM,
    description=(
        "ADD of an address puts into the image whatever answers there on the day of the build, unchecked."
    ),
    steps=(
        "Download by RUN, and check the digest or the signature in the same step; or give ADD --checksum.",
        "Copy files that are kept with the source by COPY.",
    ),
    cis="4.9",
)

_REMOTE = re.compile(
    r"^(?:/bin/sh -c #\(nop\)\s+)?ADD\s+(?P<options>(?:--\S+\s+)*)(?P<what>(?:https?|ftp)://[^\s?#]+)"
)
#: What stands before the host of an address may be a login.
_LOGIN = re.compile(r"//[^/@]*@")


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each step of the history that adds an address without its checksum."""
    for place, step in enumerate(image.history, 1):
        found = _REMOTE.match(step.created_by)
        if found and "--checksum=" not in found["options"]:
            yield ImageMatch(f"step {place} of the history adds {_LOGIN.sub('//', found['what'])[:200]}")
