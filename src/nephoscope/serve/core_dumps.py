"""Core dumps: none, since the memory of a process that checks passwords would be in them."""

from __future__ import annotations

import resource


def disable_core_dumps() -> None:
    """Let this process and those that it starts write no core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
