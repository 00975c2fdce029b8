"""The packages of an extra and the command that installs them here, read from what was installed with nephoscope.

nephoscope itself is on no package index: a command that names it would install what somebody else put there.
"""

from __future__ import annotations

import shlex
import sys
from functools import cache

_DISTRIBUTION = "nephoscope"


class NoSuchExtraError(Exception):
    """An extra is asked for that nephoscope does not declare."""


@cache
def packages(extra: str) -> tuple[str, ...]:
    """The packages of an extra with their bounds, as pip takes them, those alone that this platform needs."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    wanted = [Requirement(text) for text in requires(_DISTRIBUTION) or ()]
    found = [
        f"{one.name}{_format_options(one.extras)}{one.specifier}"
        for one in wanted
        if one.marker is not None
        and not one.marker.evaluate({"extra": ""})
        and one.marker.evaluate({"extra": extra})
    ]
    if not found:
        raise NoSuchExtraError(f"nephoscope has no extra {extra}")
    return tuple(sorted(found, key=str.lower))


def get_install_command(extra: str) -> str:
    """The command that installs an extra into the environment that runs, such as `/opt/n/bin/python -m pip install 'h3>=4.1'`."""
    return shlex.join([sys.executable, "-m", "pip", "install", *packages(extra)])


def _format_options(extras: set[str]) -> str:
    return f"[{','.join(sorted(extras))}]" if extras else ""
