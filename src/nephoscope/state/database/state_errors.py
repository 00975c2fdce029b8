"""State errors: reasons, fixes, and which errors are transient."""

from __future__ import annotations


class StateError(Exception):
    """The state cannot do what was asked; the message says why and what to do. Never holds a password."""


class NotFoundError(StateError):
    """Error for a name or number that does not exist."""


class ConcurrentChangeError(StateError):
    """Somebody changed what was to be changed after it was looked at: nothing was changed, it is to be looked at again."""


class TransientError(StateError):
    """Nothing is wrong with what was asked: the same can be asked again, and may be done then."""


class DiskFullError(TransientError):
    """The disk has no room for what even reading needs."""


class DatabaseUnreachableError(TransientError):
    """The server of the database does not answer, or lets nobody in: it may, later."""


class DatabaseReadOnlyError(TransientError):
    """The server of the database lets nothing be changed, as one that was made a standby: it may, later."""


class ConnectionLostError(DatabaseUnreachableError):
    """The connection was lost in a transaction: it was undone, unless it was at its commit."""


class DatabaseBusyError(TransientError):
    """Others have been writing for as long as a transaction waits: nothing was changed, and it can be tried again."""
