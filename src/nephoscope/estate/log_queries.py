"""Log queries of analyzers: KQL over the lake and the evaluated estate at one point in time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from nephoscope.estate.data_gap import DataNotCollectedError


class UndeclaredTableError(Exception):
    """An analyzer read a table of the lake that its TABLES do not name, so that nobody would run it again when the table changes."""


class LogNotReceivedError(DataNotCollectedError):
    """No row of a table of logs ever came in, or there are no logs at all: unlike a query that fails, this is an answer."""


class DeclaredReads(msgspec.Struct, frozen=True):
    """Declared reads of an analyzer: tables of the lake, and lower-cased types of resources."""

    tables: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class FileAggregate(msgspec.Struct, frozen=True):
    """An aggregate of a table that may be kept by file: KQL that groups the rows of one file, and KQL that merges the groups of all.

    `by_file` begins with the table's name and does not ask what time it is; `merge` begins with `Groups`. Merging the groups of any
    parts of the rows must give what grouping all rows gives (min of min, sum of count ...). `combine`, which begins with `Groups` too,
    makes fewer groups of those of several files, with the same columns, of which the merge gives the same: they are kept for all files
    of days that are over.
    """

    table: str
    by_file: str
    merge: str
    combine: str = ""


class Logs(Protocol):
    """The logs and the estate at one moment."""

    def aggregate(self, asked: FileAggregate, declared: DeclaredReads) -> list[dict[str, object]]:
        """The merged rows of an aggregate of all rows up to this moment; see query for the rest."""
        ...

    def query(self, text: str, declared: DeclaredReads) -> list[dict[str, object]]:
        """The rows of a KQL query, each by the names of its columns: times are aware datetimes, dynamic values JSON text.

        The tables of Resource Graph hold the resources of the declared types. LogNotReceivedError where no row of a table that it
        reads ever came in, DataNotCollectedError where the query cannot be run; UndeclaredTableError.
        """
        ...

    def read_versions(self, tables: Collection[str]) -> Mapping[str, object]:
        """Table -> what is another as soon as it has other rows."""
        ...
