"""Who sits at the command line."""

from __future__ import annotations

import os
import pwd


def user() -> str:
    """The name of the user whose process it is, whatever the environment says; the number where it has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def who() -> str:
    """The same as the audit names them: a user of this machine's system is nobody whom the server lets in by that name."""
    return f"os:{user()}"
