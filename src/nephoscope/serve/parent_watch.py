"""Parent watch: a worker exits when its supervisor is gone, even if that was killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 0.2
VARIABLE = "NEPHOSCOPE_PARENT"
"""Environment variable with the ID of the parent process: a later getppid could return the process that adopted this one."""


def to_environment() -> dict[str, str]:
    """Return what the environment of a process holds that is to end with this one."""
    return {VARIABLE: str(os.getpid())}


def end_with_parent(left: Callable[[], object] = lambda: None) -> None:
    """Watch the process that started this one, from a thread; when it is gone do what it `left` to do, and SIGTERM to this one.

    Nothing is watched where no parent is named: what a person starts goes on without the shell that it was started from.
    """
    parent = os.environ.pop(VARIABLE, "")  # not for what this one starts in its turn
    if not parent.isdecimal():
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(LOOK_SECONDS)
        left()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
