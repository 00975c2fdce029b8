"""State access: open the state for a command as --state says, with one-line errors."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.state.database.state_errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State
    from nephoscope.state.workspaces.workspace import Workspace


def find_state_url() -> str | None:
    """Return what --state (or NEPHOSCOPE_STATE) gives; None: the file in the data folder."""
    context = click.get_current_context(silent=True)
    found: str | None = context.find_root().params.get("state") if context else None
    return found


@contextmanager
def open_state(data: Path, *, keeps: bool = False) -> Iterator[State]:
    """The state; the command ends with exit code 2 and a message where it cannot do what is asked.

    Where the disk is full, what is kept can be read all the same, but for a command that `keeps` something in any case.
    """
    from nephoscope.state import State  # the database is loaded where a state is opened alone

    try:
        with State.open_folder(data, find_state_url(), copy=not keeps) as state:
            if state.database.copied:
                print_message(
                    "the disk is full: stored data can be read, but nothing can be written until space is "
                    "freed"
                )
            yield state
    except StateError as error:
        exit_with_usage_error(str(error))


def has_state(data: Path) -> bool:
    """Return whether something was ever kept: looking at an empty folder makes no files in it."""
    try:
        return bool(find_state_url()) or stat.S_ISREG((data / "state.db").stat().st_mode)
    except OSError:
        return False


def find_workspace(state: State, name: str) -> Workspace:
    """The workspace of that name or GUID; StateError where there is none."""
    return state.workspaces.find(name) or state.workspaces.get(name)
