"""Log entries of a Delta table: what commits added and removed, read without the handle, which lists all files anew."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from nephoscope.lake.schema.column_types import DAY, TIME
from nephoscope.lake.storage.delta_table import LOG


class _TimeBound(msgspec.Struct, frozen=True):
    time: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = msgspec.field(default=None, name=TIME)


class _Statistics(msgspec.Struct, frozen=True):
    rows: int = msgspec.field(default=0, name="numRecords")
    low: _TimeBound = msgspec.field(default=_TimeBound(), name="minValues")
    high: _TimeBound = msgspec.field(default=_TimeBound(), name="maxValues")


class _PartitionValues(msgspec.Struct, frozen=True):
    day: dt.date = msgspec.field(name=DAY)


class _Add(msgspec.Struct, frozen=True, rename="camel"):
    path: str
    partition_values: _PartitionValues
    size: int
    stats: str | None = None
    deletion_vector: object = None


class _Remove(msgspec.Struct, frozen=True):
    path: str


class _Action(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A line of an entry. The kinds that say what the table is (protocol, metaData) are not among its fields."""

    add: _Add | None = None
    remove: _Remove | None = None
    commit_info: object = None
    txn: object = None


class AddedFile(NamedTuple):
    """A file that a commit added: its path in the log, and what the log says of its rows."""

    relative: str
    day: dt.date
    size: int
    rows: int
    first: dt.datetime | None
    last: dt.datetime | None


class LogCommit(NamedTuple):
    """The files that a commit added and removed, these by their paths."""

    added: tuple[AddedFile, ...]
    removed: frozenset[str]


_action_decoder = msgspec.json.Decoder(_Action)
_statistics_decoder = msgspec.json.Decoder(_Statistics)


def read_log_entry(path: Path, version: int) -> LogCommit | None:
    """Read what the commit of a version did; None where there is none, or where it does more than add and remove files."""
    try:
        actions = _action_decoder.decode_lines((path / LOG / f"{version:020d}.json").read_bytes())
        added = tuple(_build_added_file(action.add) for action in actions if action.add is not None)
    except (FileNotFoundError, msgspec.DecodeError, UnsupportedFileError):
        return None
    removed = frozenset(action.remove.path for action in actions if action.remove is not None)
    # the handle may write such a path in another way, so that the removed file would stay
    return None if any("%" in one for one in removed) else LogCommit(added, removed)


class UnsupportedFileError(Exception):
    """A file of which an entry tells not enough, or of which rows are deleted one by one."""


def _build_added_file(add: _Add) -> AddedFile:
    if add.stats is None or add.deletion_vector is not None or "%" in add.path:
        raise UnsupportedFileError(add.path)
    statistics = _statistics_decoder.decode(add.stats)
    return AddedFile(
        add.path,
        add.partition_values.day,
        add.size,
        statistics.rows,
        statistics.low.time,
        statistics.high.time,
    )
