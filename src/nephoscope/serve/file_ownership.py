"""File ownership: files in a data folder that another user owns and the server cannot read or write."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from nephoscope.serve.doctor_check import CheckContext, CheckVerdict, DoctorFinding

#: How many files are named.
NAMED = 3
#: What a file system makes at its root, for root.
MADE = "lost+found"


def check_owners(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether everything in the folder is the user's whose the folder is."""
    owner = get_owner_id(patient.data)
    if owner is None:
        return
    strange = [(path, user) for path, user in _list_owned_files(patient.data) if user != owner]
    if not strange:
        return
    named = ", ".join(str(path) for path, _ in strange[:NAMED])
    more = f" and {len(strange) - NAMED:,} more" if len(strange) > NAMED else ""
    users = ", ".join(_get_user_name(one) for one in sorted({user for _, user in strange}))
    own = _get_user_name(owner)
    problem = (
        f"{len(strange):,} of its files and folders belong to {users}, while {patient.data} "
        f"belongs to {own}: {named}{more}"
    )
    remedy = f"chown -hR {own} {patient.data}, and run commands over it as {own}"
    yield DoctorFinding("owners", CheckVerdict.WARNING, problem, remedy)


def get_owner_id(path: Path) -> int | None:
    """The number of the user whose a file is, a link's own; None where it is gone or cannot be seen."""
    try:
        return path.lstat().st_uid
    except OSError:
        return None


def _list_owned_files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield what lies in a folder at any depth, in order, with the user's number."""
    for place, folders, files in os.walk(folder):
        if Path(place) == folder and MADE in folders:
            folders.remove(MADE)
        folders.sort()
        for name in sorted([*folders, *files]):
            path = Path(place, name)
            if (user := get_owner_id(path)) is not None:
                yield path, user


def _get_user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
