"""The list of allowed openings: the file that is given, or the ones that the repositories of targets keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.cli.terminal.messages import usage_error
from nephoscope.collect.templates.arm.template_repository import absolute_path
from nephoscope.posture.exposure.allowed_openings import AllowedOpenings, AllowedOpeningsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

ALLOWED_OPENINGS = Path(".nephoscope") / "allowed-openings.json"
"""Path of a repository's list."""


def find_allowed_openings(
    given: Path | None, targets: Iterable[str], now: datetime
) -> AllowedOpenings | None:
    """Read the list that is given, else those of the repositories of targets; None where there is none.

    Ends with code 2 where one cannot be used.
    """
    found = (_find_file(Path(target)) for target in targets)
    files = [given] if given is not None else [*dict.fromkeys(one for one in found if one is not None)]
    return read_allowed_openings(files, now) if files else None


def read_allowed_openings(files: Iterable[Path], now: datetime) -> AllowedOpenings:
    """Read lists as one; ends with code 2 where one cannot be used."""
    try:
        lists = [AllowedOpenings.parse(file.read_bytes(), str(file), now) for file in files]
    except (AllowedOpeningsError, OSError) as error:
        usage_error(str(error))
    return AllowedOpenings(tuple(one for several in lists for one in several.entries))


def _find_file(target: Path) -> Path | None:
    """The nearest list in the folders around a target, up to the root of its repository."""
    full = absolute_path(target)
    for folder in (full, *full.parents):
        if (folder / ALLOWED_OPENINGS).is_file():
            return folder / ALLOWED_OPENINGS
        if (folder / ".git").exists():
            return None
    return None
