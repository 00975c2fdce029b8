"""Errors of the lake."""

from __future__ import annotations

import errno


class LakeError(Exception):
    """The lake cannot do what was asked; the text says what and where."""


class SpoolFullError(LakeError):
    """The disk or the spool's limit is reached: nothing of the append was taken, and the same append may be tried again later."""


class NoRoomError(SpoolFullError):
    """The disk is full, not only the spool: nobody makes room but the one whose disk it is."""


def explain_no_room(error: OSError) -> SpoolFullError:
    """Return what it means that the spool could not be written."""
    full = NoRoomError if error.errno in (errno.ENOSPC, errno.EDQUOT) else SpoolFullError
    return full(f"the spool cannot be written: {error.strerror or error}")


class TableRefusedError(LakeError):
    """A Delta table with a feature that would make us read wrong rows, or that lies otherwise than its definition says."""


class ProducerOvertakenError(LakeError):
    """Another process appends as the same producer and came further: nothing of the append was taken."""
