"""The profiles of a workspace: for each entity, dimension and value the days on which it was seen.

A set of days only grows by union, so that rows may come in any order, late, or twice: the profile is the same. It is kept as 60 days
a row in the bits of a number (`base`); the last days are kept with the moment when a value was first seen on the day (`recent`) and
are folded into the base once a day. The base forgets what no look-back reaches, and of each entity and dimension all but the
MOST_VALUES values that were seen last.

Both are Delta tables; one writer at a time (the lease of the run), readers at any time.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from nephoscope.behavior.profile_dimensions import LONGEST

FOLDER = "behavior"
SPAN = 60
MOST_VALUES = 256
TRIED = "?"
"""What a dimension begins with under which failures are remembered: they are no habit, and are forgotten with their day."""
MEMORY = "1GB"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_KEY = [(name, pa.string()) for name in ("kind", "entity", "dimension", "value")]
BASE = pa.schema([*_KEY, ("span", pa.int32()), ("bits", pa.int64())])
RECENT = pa.schema([*_KEY, ("day", pa.int32()), ("first", pa.int64())])
_KEPT_HOURS = 24
_FILES = 32
MACROS = f"""
CREATE MACRO mask(span, lo, hi) AS
  CASE WHEN least(hi - span * {SPAN}, {SPAN}) <= greatest(lo - span * {SPAN}, 0) THEN 0::BIGINT
  ELSE (1::BIGINT << least(hi - span * {SPAN}, {SPAN})::INT) - (1::BIGINT << greatest(lo - span * {SPAN}, 0)::INT) END;
CREATE MACRO newest(span, bits) AS CASE WHEN bits = 0 THEN NULL ELSE span * {SPAN} + length(bin(bits)) - 1 END;
CREATE MACRO oldest(span, bits) AS CASE WHEN bits = 0 THEN NULL ELSE span * {SPAN} + length(bin(bits & -bits)) - 1 END;
"""
_FOLDED = f"""
CREATE TEMP TABLE folded AS
SELECT kind, entity, dimension, value, span, bit_or(bits & mask(span, $now - {LONGEST}, $now + 2)) AS bits FROM (
  SELECT * FROM base
  UNION ALL SELECT kind, entity, dimension, value, day // {SPAN}, 1::BIGINT << (day % {SPAN})::INT FROM recent
  WHERE day < $cut AND NOT starts_with(dimension, '{TRIED}'))
GROUP BY ALL HAVING bits <> 0
"""  # noqa: S608 - numbers of ours
_KEPT = f"""
SELECT kind, entity, dimension, value, span::INT AS span, bits FROM folded
SEMI JOIN (
  SELECT kind, entity, dimension, value FROM folded GROUP BY kind, entity, dimension, value
  QUALIFY row_number() OVER (
    PARTITION BY kind, entity, dimension, value = ''
    ORDER BY max(newest(span, bits)) DESC, sum(bit_count(bits)) DESC, value) <= {MOST_VALUES}
) kept USING (kind, entity, dimension, value)
ORDER BY kind, entity, dimension, value, span
"""  # noqa: S608 - numbers of ours


class ProfilesError(Exception):
    """The profiles cannot be used; the message says why and what to do."""


def remove_profiles(data: Path, workspace: str) -> None:
    """Remove the files of all that was learned of a workspace, so that another one of its name learns from its own rows."""
    folder = data / FOLDER / workspace
    if folder.exists():
        shutil.rmtree(folder)


class Profiles:
    """The profiles in the data folder, of one workspace."""

    def __init__(self, data: Path, workspace: str) -> None:
        self.folder = data / FOLDER / workspace

    @contextmanager
    def open_tables(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that sees `base` and `recent` as they are now, and nothing else of the machine."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with duckdb.connect(":memory:", config=_CONFIG) as connection:
            folder = str(self.folder.resolve()).replace("'", "''")
            connection.execute(f"SET allowed_directories = ['{folder}']")
            connection.execute(f"SET temp_directory = '{folder}/.spilled'")
            connection.execute(f"SET memory_limit = '{MEMORY}'")
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            connection.execute(MACROS)
            for name, schema in (("base", BASE), ("recent", RECENT)):
                self._create_view(connection, name, schema)
            try:
                yield connection
            except duckdb.IOException as error:
                raise self._build_damage_error(error) from error

    def add_observations(self, rows: pa.Table) -> None:
        """Add rows of `recent`; durable when it returns."""
        if rows.num_rows:
            self._write_profile("recent", rows.cast(RECENT), "append")

    def fold(self, today: int) -> None:
        """Put all days before yesterday into the base. What was told of them must be in the lake already."""
        cut = today - 1
        with self.open_tables() as connection:
            connection.execute(_FOLDED, {"now": today, "cut": cut})
            base = fetch_arrow(connection, _KEPT)
            recent = fetch_arrow(connection, "SELECT * FROM recent WHERE day >= $cut", {"cut": cut})
        self._write_profile("base", base.cast(BASE), "overwrite")
        self._write_profile("recent", recent.cast(RECENT), "overwrite")

    def reset(self) -> None:
        """Begin anew: the next run learns from all that the lake keeps."""
        for name, schema in (("base", BASE), ("recent", RECENT)):
            if self._is_table_usable(name):
                self._write_profile(name, schema.empty_table(), "overwrite")

    def _is_table_usable(self, name: str) -> bool:
        """Return whether there is a table that can be written to; a damaged one is put aside, and no file of it is lost."""
        try:
            return self._open_table(name) is not None
        except ProfilesError:
            (self.folder / name).rename(self.folder / f"{name}.damaged-{uuid4().hex[:8]}")
            return False

    def compact(self) -> None:
        """Join small files, and delete those that nothing has used for a day."""
        for name in ("base", "recent"):
            table = self._open_table(name)
            if table is not None and len(table.file_uris()) > _FILES:
                table.optimize.compact()
                table.vacuum(_KEPT_HOURS, dry_run=False, enforce_retention_duration=False)
                table.cleanup_metadata()

    def _write_profile(self, name: str, rows: pa.Table, mode: str) -> None:
        path = self.folder / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            write_deltalake(path, rows, mode="append" if mode == "append" else "overwrite")
        except DeltaError as error:
            raise self._build_damage_error(error) from error

    def _open_table(self, name: str) -> DeltaTable | None:
        try:
            return DeltaTable(self.folder / name)
        except TableNotFoundError:
            return None
        except DeltaError as error:
            raise self._build_damage_error(error) from error

    def _create_view(self, connection: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema) -> None:
        table = self._open_table(name)
        files = [] if table is None else [str(Path(one).resolve()) for one in table.file_uris()]
        if files:
            listed = ", ".join("'" + one.replace("'", "''") + "'" for one in files)
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}])")  # noqa: S608 - quoted
        else:
            columns = ", ".join(f"{field.name} {_SQL[field.type]}" for field in schema)
            connection.execute(f"CREATE TABLE {name} ({columns})")

    def _build_damage_error(self, error: Exception) -> ProfilesError:
        first = str(error).strip().splitlines()[0][:300]
        return ProfilesError(
            f"the profiles in {self.folder} cannot be used: {first}; "
            "run `nephoscope behavior run --anew` to learn them again from the lake"
        )


def fetch_arrow(
    connection: duckdb.DuckDBPyConnection, text: str, parameters: dict[str, int] | None = None
) -> pa.Table:
    """The rows of a query."""
    found: pa.Table = connection.sql(text, params=parameters).to_arrow_table()
    return found


_SQL = {pa.string(): "VARCHAR", pa.int32(): "INTEGER", pa.int64(): "BIGINT"}
EPOCH = dt.date(1970, 1, 1)


def count_epoch_days(moment: dt.datetime) -> int:
    """Days since 1970, in UTC."""
    return (moment.astimezone(dt.UTC).date() - EPOCH).days
