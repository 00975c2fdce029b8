"""A worker ends with its supervisor, also where that was killed and could not say so: a new one needs the port and the leases."""

from __future__ import annotations

import os
import signal
import threading
import time

LOOK_SECONDS = 0.2


def end_with_parent() -> None:
    """Watch the process that started this one, from a thread; SIGTERM to this one when it is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
