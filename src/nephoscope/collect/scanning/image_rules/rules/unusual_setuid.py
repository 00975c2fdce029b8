"""Only programs that are made for it should run with the rights of their owner."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedRoot
from nephoscope.collect.scanning.image_rules.rules.setuid_programs import (
    KNOWN,
    has_owner_rights,
    list_set_bits,
)
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-unusual-setuid-program",
    title="Only programs that are made for it should run with the rights of their owner",
    severity=Severity.HIGH,
    description=(
        "No distribution ships this program with the setuid or setgid bit: it was set by hand, as a shortcut, or as"
        " a way back in."
    ),
    steps=(
        "Find out who set the bit, and take it away: chmod a-s FILE.",
        "Give the program the one capability that it needs instead (setcap), where it needs any.",
    ),
    judges="root",
    cis="4.8",
)


def check(root: ExaminedRoot) -> Iterator[ImageMatch]:
    """Give each program with the bit that distributions do not ship so."""
    for path, noted in sorted(root.noted.items()):
        if has_owner_rights(noted.mode) and path.rpartition("/")[2] not in KNOWN:
            yield ImageMatch(f"it has the {list_set_bits(noted.mode)} bit", path, noted.layer)
