"""The list of allowed openings: the file that is given, or the ones that the repositories of targets keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.collect.templates.arm.template_repository import make_absolute
from nephoscope.posture.code.git_base import find_base_commit, read_file_at
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


def find_openings_of_change(
    given: Path | None, targets: tuple[str, ...], now: datetime, since: str | None
) -> tuple[AllowedOpenings | None, AllowedOpenings | None]:
    """Read the lists as they are, and as they were at the commit that a change starts from.

    A change that removes its list allows none.
    """
    allowed = find_allowed_openings(given, targets, now)
    before = find_openings_allowed_before(given, targets, now, since) if since is not None else None
    return (AllowedOpenings() if allowed is None and before is not None else allowed), before


def find_openings_allowed_before(
    given: Path | None, targets: Iterable[str], now: datetime, since: str
) -> AllowedOpenings | None:
    """Read the lists as they were at the commit that a change starts from, as `find_allowed_openings` does.

    None where there was none, or none that could be used: then it cannot say what was allowed. Raises GitError.
    """
    if given is not None:
        folder = make_absolute(given).parent
        found = (
            [read_file_at(folder, find_base_commit(folder, since), given.name)]
            if _is_folder_in_repository(folder)
            else []
        )
    else:
        found = [_read_nearest_before(Path(target), since) for target in targets]
    try:
        lists = [
            AllowedOpenings.parse(data, f"{since}:{ALLOWED_OPENINGS}", now)
            for data in found
            if data is not None
        ]
    except AllowedOpeningsError:
        return None
    entries = dict.fromkeys(one for several in lists for one in several.entries)
    return AllowedOpenings(tuple(entries)) if lists else None


def read_allowed_openings(files: Iterable[Path], now: datetime) -> AllowedOpenings:
    """Read lists as one; ends with code 2 where one cannot be used."""
    try:
        lists = [AllowedOpenings.parse(file.read_bytes(), str(file), now) for file in files]
    except (AllowedOpeningsError, OSError) as error:
        exit_with_usage_error(str(error))
    return AllowedOpenings(tuple(one for several in lists for one in several.entries))


def _find_file(target: Path) -> Path | None:
    """The nearest list in the folders around a target, up to the root of its repository."""
    full = make_absolute(target)
    for folder in (full, *full.parents):
        if (folder / ALLOWED_OPENINGS).is_file():
            return folder / ALLOWED_OPENINGS
        if (folder / ".git").exists():
            return None
    return None


def _is_folder_in_repository(folder: Path) -> bool:
    """Return whether a folder is in a repository."""
    return any((above / ".git").exists() for above in (folder, *folder.parents))


def _read_nearest_before(target: Path, since: str) -> bytes | None:
    """Read the nearest list in the folders around a target, up to the root of its repository, at a commit."""
    full = make_absolute(target)
    folders = [folder for folder in (full, *full.parents) if folder.is_dir()]
    commit = find_base_commit(folders[0], since)
    for folder in folders:
        data = read_file_at(folder, commit, ALLOWED_OPENINGS.as_posix())
        if data is not None or (folder / ".git").exists():
            return data
    return None
