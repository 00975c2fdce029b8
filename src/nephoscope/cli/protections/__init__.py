"""Commands of `nephoscope protect` that are more than one operation: a module with `command` is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def load_protection_commands() -> Iterator[click.Command]:
    """Yield the command of each module of this folder."""
    for info in pkgutil.iter_modules(__path__):
        yield importlib.import_module(f"{__name__}.{info.name}").command
