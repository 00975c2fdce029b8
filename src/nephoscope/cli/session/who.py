"""Who sits at the command line."""

from __future__ import annotations

import getpass
import os


def who() -> str:
    """The name of the user whose command it is; in a container without one, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
