"""Source failures: errors that stop a source, for good or for a while."""

from __future__ import annotations


class SourceError(Exception):
    """A source that cannot go on: what is wrong and what to do; holds no secret. It is tried again later."""


class SourceSettingsError(SourceError):
    """Settings that can never work, with the setting's name and what to do: not tried again before they change."""


class SourceStoppedError(Exception):
    """A source was told to stop while it waited; what it had not yet handed over it reads again the next time."""


class LakeBusyError(Exception):
    """The lake takes nothing at the moment (disk or spool full): nothing was taken, the sender has to come again."""
