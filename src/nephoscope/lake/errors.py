"""What can go wrong in the lake."""

from __future__ import annotations


class LakeError(Exception):
    """The lake cannot do what was asked; the text says what and where."""


class SpoolFullError(LakeError):
    """The disk or the spool's limit is reached: nothing of the append was taken, and the same append may be tried again later."""


class TableRefusedError(LakeError):
    """A Delta table with a feature that would make us read wrong rows, or that lies otherwise than its definition says."""


class OvertakenError(LakeError):
    """Another process appends as the same producer and came further: nothing of the append was taken."""
