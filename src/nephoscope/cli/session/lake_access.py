"""Lake access: open the lake of the data folder for a command."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nephoscope.cli.session.state_access import open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.state import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.lake.lake import Lake
    from nephoscope.state import State


@contextmanager
def open_lake(data: Path, *, keeps: bool = False) -> Iterator[tuple[Lake, State]]:
    """The lake and its state, as `open_state`; the command ends with exit code 2 and a message where they cannot do what is asked."""
    from nephoscope.lake.errors import LakeError
    from nephoscope.resource_graph import open_lake_with_estate

    try:
        with open_state(data, keeps=keeps) as state, open_lake_with_estate(data, state) as lake:
            yield lake, state
    except LakeError as error:
        exit_with_usage_error(str(error))


def flush_pending_rows(data: Path, lake: Lake, state: State) -> None:
    """Put what waits in the outbox and in the spool into the tables, where no other process is at it: what was kept is to be seen."""
    from nephoscope.lake.errors import LakeError
    from nephoscope.lake.spool.segments import list_folders, list_segments
    from nephoscope.lake.writing.outbox import deliver_outbox

    try:
        if deliver_outbox(lake, state):
            lake.writer().close_segment()
        if any(any(list_segments(folder)) for folder in list_folders(data)):
            while (flushed := lake.flush_round()) is not None and flushed.more:
                pass
    except (LakeError, StateError, OSError) as error:
        print_message(f"spooled rows are not in the tables yet: {error}")
