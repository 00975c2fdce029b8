"""The operating system should be supported."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.end_of_life import find_release_support, find_support_state
from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedRoot
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-end-of-life",
    title="The operating system should be supported",
    severity=Severity.HIGH,
    description=(
        "The release of the operating system gets no updates any more: faults that are found in it stay."
    ),
    steps=(
        "Build the image on a release that is supported; upgrade the host.",
        "Buy extended support where neither can be done in time.",
    ),
    judges="root",
    cis="4.4",
)


def check(root: ExaminedRoot) -> Iterator[ImageMatch]:
    """Give a release whose support has ended, or of which no end is known; a root without a distribution has none."""
    family, release = root.contents.family, root.contents.release
    if not family:
        return
    state = find_support_state(family, release, root.now.date())
    named = f"{family} {release}".strip()
    if state == "unknown":
        yield ImageMatch(f"it is not known until when {named} is supported", is_unknown=True)
    elif state in ("ended", "extended"):
        support = find_release_support(family, release)
        day = support.standard if support else "an unknown day"
        contract = "; who has a contract still gets updates" if state == "extended" else ""
        yield ImageMatch(f"the support of {named} ended on {day}{contract}")
