"""Service context of a command: the local user, the data folder and its state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nephoscope.cli.session.state_access import open_state
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State


def build_context(data: Path, state: State) -> ServiceContext:
    """Return the context in which the local user acts on a data folder."""
    return ServiceContext(LocalUser.current(), state, data)


@contextmanager
def open_context(data: Path, *, keeps: bool = False) -> Iterator[ServiceContext]:
    """Open the state of a data folder and give the context in which the local user acts on it; `keeps` as of `open_state`."""
    with open_state(data, keeps=keeps) as state:
        yield build_context(data, state)
