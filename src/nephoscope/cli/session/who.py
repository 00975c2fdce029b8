"""Who sits at the command line."""

from __future__ import annotations

from nephoscope.service.local_user import LocalUser


def user() -> str:
    """The name of the user whose process it is, whatever the environment says; the number where it has no name."""
    return LocalUser.current().author


def who() -> str:
    """The same as the audit names them: a user of this machine's system is nobody whom the server lets in by that name."""
    return LocalUser.current().name
