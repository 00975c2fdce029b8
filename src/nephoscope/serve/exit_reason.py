"""Exit reason of a server process in one line with the fix, where the program is not at fault."""

from __future__ import annotations

import errno

from nephoscope.lake.errors import LakeError
from nephoscope.state import StateError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def describe_exit_reason(error: BaseException) -> str:
    """The line; '' for a fault of the program, which is told with where it was."""
    if isinstance(error, StateError | LakeError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _FULL:
        place = f"{error.filename}: " if error.filename else ""
        return (
            f"{place}the disk is full; free some space: it restarts automatically, and ingested data "
            "is preserved"
        )
    return ""
