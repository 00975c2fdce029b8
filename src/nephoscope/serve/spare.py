"""The spare process: has read the program already and waits to become the web process where that one is killed.

Reading the program is what takes most of a start. (The front reads less, and starts by itself: a spare that became it would be missing
where the web process is killed next.) The supervisor says by a line at its input what the spare is to become; where the
input ends instead, the supervisor is gone, and so is the spare.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from nephoscope.serve import web
from nephoscope.web.drawing import environment

BEGIN = {web.__name__: web.begin}


def wait() -> None:
    """Become what the input says, or end with it."""
    for name in environment().list_templates(["html"]):
        environment().get_template(name)
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return
    module, argument = msgspec.json.decode(line, type=tuple[str, str])
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    BEGIN[module](argument)


if __name__ == "__main__":
    wait()
