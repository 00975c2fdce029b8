"""The packages of each extra and the command that installs them here.

The distribution may be on no package index that is reached here, so that a command names what the extra brings, not the distribution.
"""

from __future__ import annotations

import shlex
import sys

#: Extra -> requirements, as pyproject.toml declares them (tests/test_distribution.py holds them equal).
EXTRAS = {
    "agents": ("ua-parser-builtins>=202500", "ua-parser>=1.0"),
    "external": ("httpx>=0.28",),
    "geo": ("h3>=4.1", "maxminddb>=2.6", "s2geometry>=0.14", "spherely>=0.1.1"),
    "spark": ("pyspark>=4.1",),
}


def get_extra_install_command(extra: str) -> str:
    """Return the command that installs an extra into the environment that runs: `/opt/n/bin/python -m pip install 'h3>=4.1'`."""
    return shlex.join([sys.executable, "-m", "pip", "install", *EXTRAS[extra]])
