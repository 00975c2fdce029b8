"""Programs should be written by their owner alone."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedRoot
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-writable-path",
    title="Programs should be written by their owner alone",
    severity=Severity.HIGH,
    description=(
        "A program, or a folder on the search path, is writable by everyone: any attacker with a foothold"
        " decides what the next process runs."
    ),
    steps=("Take the right away: chmod o-w FILE.",),
    judges="root",
)


def check(root: ExaminedRoot) -> Iterator[ImageMatch]:
    """Give each file and folder of the path that everybody may write; a folder with the sticky bit may be added to all the same."""
    folders = frozenset(root.program_folders)
    for path, noted in sorted(root.noted.items()):
        within = path if noted.is_folder else path.rpartition("/")[0]
        if within in folders and noted.mode & stat.S_IWOTH:
            kind = "folder" if noted.is_folder else "file"
            yield ImageMatch(f"everybody may write the {kind}", path, noted.layer)
