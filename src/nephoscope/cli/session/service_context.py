"""Service context of a command: the local user, the data folder and its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from nephoscope.cli.session.lake_access import open_lake
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State

_Result = TypeVar("_Result")


def build_context(data: Path, state: State) -> ServiceContext:
    """Return the context in which the local user acts on a data folder."""
    return ServiceContext(LocalUser.current(), state, data)


@contextmanager
def open_context(data: Path, *, keeps: bool = False) -> Iterator[ServiceContext]:
    """Open the state of a data folder and give the context in which the local user acts on it; `keeps` as of `open_state`."""
    with open_state(data, keeps=keeps) as state:
        yield build_context(data, state)


def call_in_workspace(
    data: Path, workspace: str, call: Callable[[ServiceContext, str], _Result], *, delivers: bool = False
) -> _Result:
    """Call a service with the context and the name of a workspace; `delivers`: what it changes has rows for the lake."""
    if not delivers:
        with open_state(data) as state:
            return call(build_context(data, state), find_workspace(state, workspace).name)
    from nephoscope.lake.writing.outbox import deliver

    with open_lake(data) as (lake, state):
        found = call(build_context(data, state), find_workspace(state, workspace).name)
        deliver(lake, state)
    return found
