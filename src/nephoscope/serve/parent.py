"""A worker ends with its supervisor, also where that was killed and could not say so: a new one needs the port and the leases."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 0.2
#: Read while the process starts: one that waits before it watches (a spare) would take whoever adopted it for its parent.
_PARENT = os.getppid()


def end_with_parent(left: Callable[[], object] = lambda: None) -> None:
    """Watch the process that started this one, from a thread; when it is gone do what it `left` to do, and SIGTERM to this one."""

    def watch() -> None:
        while os.getppid() == _PARENT:
            time.sleep(LOOK_SECONDS)
        left()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
