"""What a state cannot do: errors that say why and what to do, and those of them that pass."""

from __future__ import annotations


class StateError(Exception):
    """The state cannot do what was asked; the message says why and what to do. Never holds a password."""


class MissingError(StateError):
    """There is nothing of the name or number that was asked for."""


class OvertakenError(StateError):
    """Somebody changed what was to be changed after it was looked at: nothing was changed, it is to be looked at again."""


class PassingError(StateError):
    """Nothing is wrong with what was asked: the same can be asked again, and may be done then."""


class DiskFullError(PassingError):
    """The disk has no room for what even reading needs."""


class UnreachableError(PassingError):
    """The server of the database does not answer, or lets nobody in: it may, later."""


class ReadOnlyError(PassingError):
    """The server of the database lets nothing be changed, as one that was made a standby: it may, later."""


class CutError(UnreachableError):
    """The connection was lost in a transaction: it was undone, unless it was at its commit."""


class BusyError(PassingError):
    """Others have been writing for as long as a transaction waits: nothing was changed, and it can be tried again."""
