"""Platform support: operating system features that not every system has."""

from __future__ import annotations

import sys

_MODULES = ("fcntl", "pwd", "resource")


def explain_unsupported_system() -> str:
    """Explain why nothing can be done on this system, '' where it can."""
    missing = [name for name in _MODULES if not _is_command_installed(name)]
    if not missing:
        return ""
    return (
        f"nephoscope runs on Linux; on {sys.platform} Python lacks {', '.join(missing)}: "
        "use a Linux machine, a container, or WSL 2 on Windows"
    )


def _is_command_installed(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True
