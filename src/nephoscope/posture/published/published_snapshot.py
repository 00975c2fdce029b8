"""Published snapshot: one version of the documents by table, for KQL and by id."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nephoscope.lake.query_engine import EngineRows, QueryPipeline
from nephoscope.posture.published.answer_cache import AnswerCache
from nephoscope.posture.published.attack_paths import AttackPaths
from nephoscope.posture.published.build_info import BuildInfo, read
from nephoscope.posture.published.document_listing import Listing
from nephoscope.posture.published.document_queries import Documents
from nephoscope.posture.published.findings import Findings
from nephoscope.posture.published.internet_exposures import InternetExposures
from nephoscope.posture.published.inventory import Inventory
from nephoscope.posture.published.live_rows import TABLE, LiveRows, LiveRowSource
from nephoscope.posture.published.observable_index import ObservableIndex
from nephoscope.posture.published.row_access import Shown, list_visible_pairs
from nephoscope.posture.published.snapshot_files import list_snapshot_files
from nephoscope.posture.published.standards import Standards
from nephoscope.posture.published.table_gaps import describe_gaps, is_table_unfilled
from nephoscope.posture.published.uncollected_table import UncollectedTableError
from nephoscope.posture.reports.resource_graph_tables import (
    COLUMNS,
    EVALUATION,
    LISTED,
    TABLES,
    list_unread_tables,
)
from nephoscope_kql.catalog import Catalog, StoredFunction, TableSchema
from nephoscope_kql.compile import compile_results
from nephoscope_kql.deadline import set_deadline_within
from nephoscope_kql.engines.parquet import FileColumn, FileScan
from nephoscope_kql.run import QueryResult

if TYPE_CHECKING:
    from deltalake import DeltaTable

T = TypeVar("T")
KEPT_BYTES = 64 << 20
#: Bytes of rows that are true beside what was published, of those who asked last.
_BESIDE_BYTES = 384 << 20
#: A query with one of these gives something else at another moment.
_MOMENTARY = re.compile(
    r"\b(now|ago|rand|new_guid|ingestion_time|current_\w+|external_?data|startof\w+|endof\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PublishedSnapshot:
    """The documents of one evaluation. `files` are those of each partition, `folder` is where the copy for lists lies."""

    version: int
    files: Mapping[str, tuple[Path, ...]] = field(repr=False)
    folder: Path

    @classmethod
    def of(cls, table: DeltaTable, path: Path) -> PublishedSnapshot:
        """The version of a handle."""
        return cls(table.version(), list_snapshot_files(table, path), path.parent)

    @cached_property
    def build_info(self) -> BuildInfo:
        """Return what it was made from."""
        import pyarrow.parquet as pq

        (file,) = self.files[EVALUATION]
        return read(pq.ParquetFile(file).read(columns=["_body"]).column(0)[0].as_py())

    @cached_property
    def shared_tenants(self) -> frozenset[str]:
        """Return what the rows say of whose readers may read them beside those whose it is."""
        import pyarrow.parquet as pq

        parts = (
            pq.ParquetFile(one).read(columns=["_open"]) for several in self.files.values() for one in several
        )
        found = {one for part in parts for one in part.column(0).unique().to_pylist()}
        return frozenset(one for one in found if one)

    @cached_property
    def _documents(self) -> Documents:
        return Documents(sorted(path for several in self.files.values() for path in several), self.folder)

    @cached_property
    def _results(self) -> AnswerCache:
        return AnswerCache(KEPT_BYTES, lambda found: sum(one.table.nbytes for one in found))

    @cached_property
    def _live_rows_cache(self) -> AnswerCache:
        return AnswerCache(_BESIDE_BYTES, lambda found: found.rows.nbytes + 1)

    @property
    def listing(self) -> Listing:
        """Documents by id and type."""
        return Listing(self._documents)

    @property
    def findings(self) -> Findings:
        """Return how resources stand against recommendations, to be counted, filtered and sorted."""
        return Findings(self._documents)

    @property
    def inventory(self) -> Inventory:
        """The resources with how many recommendations each fails."""
        return Inventory(self._documents, self.build_info.exposed)

    @property
    def mentions(self) -> ObservableIndex:
        """Documents by an address or a CVE that stands in them."""
        return ObservableIndex(self._documents)

    @property
    def attack_paths(self) -> AttackPaths:
        """The ways that an attacker could take, to be counted and filtered."""
        return AttackPaths(self._documents)

    @property
    def internet_exposures(self) -> InternetExposures:
        """The openings to the Internet."""
        return InternetExposures(self._documents)

    @property
    def standards(self) -> Standards:
        """Return how standards stand."""
        return Standards(self._documents)

    def query(
        self,
        text: str,
        reach: Shown | Mapping[str, Shown],
        *,
        now: dt.datetime | None = None,
        timeout: float | None = None,
        beside: Callable[[], LiveRowSource] | None = None,
    ) -> list[QueryResult]:
        """Run KQL over the tables of Resource Graph and give its results; KqlError where it is wrong or cannot be run,
        UncollectedTableError where it reads a table whose rows were not read.

        `reach` is what all tables show, or what each does (by its lower-cased name). `beside` gives the rows that are true now,
        where the query reads their table. What does not depend on the moment is run once.
        """
        tables = self.list_read_tables(text, timeout)
        self._require_read(tables, reach)
        current = beside() if beside is not None and TABLE in tables else None
        if now is not None or _MOMENTARY.search(text):
            return self._parse_query(text, reach, now, timeout, current)
        reach_key = tuple(sorted(reach.items())) if isinstance(reach, Mapping) else reach
        key = ("query", text, reach_key, current.key if current is not None else None)
        return list(
            self._results.get_or_compute(key, lambda: self._parse_query(text, reach, now, timeout, current))
        )

    def list_read_tables(self, text: str, timeout: float | None = None) -> frozenset[str]:
        """The lower-cased names of the tables that a query reads; KqlError where it is wrong."""

        def find_asked_tables() -> frozenset[str]:
            catalog = GraphCatalog(self.files, self.shared_tenants)
            with set_deadline_within(timeout):
                compile_results(text, catalog)
            return catalog.requested_tables

        return self.get_or_compute(("read by", text), find_asked_tables)

    def list_uncollected_tables(self, tables: Iterable[str], reach: Mapping[str, Shown]) -> list[str]:
        """Return the tables (lower-cased) of which a reach sees no row, and none could be seen: nothing collected fills them, or
        no type of theirs was read in the tenants that it sees.

        That such a table has no rows says nothing of the estate.
        """
        return sorted(
            table
            for table in tables
            if is_table_unfilled(self.build_info, table, reach[table])
            and not self._has_rows(table, reach[table])
        )

    def _require_read(self, tables: frozenset[str], reach: Shown | Mapping[str, Shown]) -> None:
        """Raise UncollectedTableError for tables of a query; one of every table, as `search` is, means those that there are."""
        shown = reach if isinstance(reach, Mapping) else dict.fromkeys(tables, reach)
        unread = [] if tables >= list_unread_tables() else self.list_uncollected_tables(tables, shown)
        if unread:
            raise UncollectedTableError(unread)

    def describe_gaps(self, tables: frozenset[str], reach: Shown | Mapping[str, Shown]) -> tuple[str, ...]:
        """Return what of lower-cased tables a reach would see had it been collected; of all tables only the resources are told."""
        relations = LISTED if tables >= list_unread_tables() else tables
        shown = reach if isinstance(reach, Mapping) else dict.fromkeys(relations, reach)
        return tuple(describe_gaps(self.build_info, relations, shown))

    def _has_rows(self, table: str, reach: Shown) -> bool:
        if table not in self.files:
            return False
        key = ("has rows", table, reach)
        return self.get_or_compute(
            key,
            lambda: bool(self._parse_query(f"{table} | take 1", reach, None, None, None)[-1].table.num_rows),
        )

    def current(self, beside: LiveRowSource) -> LiveRows:
        """The rows that are true now, made once for a key."""
        return self._live_rows_cache.get_or_compute(beside.key, beside.make)

    @property
    def types(self) -> Mapping[str, frozenset[str]]:
        """Lower-cased table -> the lower-cased types of its rows."""
        return self.get_or_compute(("types",), self.listing.types)

    def list_scopes_with_assignments(self, scopes: frozenset[str]) -> frozenset[str]:
        """The lower-cased ids of what is assigned or defined directly at some containers ('' = the tenant)."""
        return self.get_or_compute(
            ("held above", scopes), lambda: self.listing.list_scopes_with_assignments(scopes)
        )

    def has_documents(self, scope: str) -> bool:
        """Return whether there is a document at a lower-cased scope or below it, whoever may read it."""
        return self.get_or_compute(("holds", scope), lambda: self.listing.has_documents(scope))

    def get_or_compute(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` makes of the documents, made once for a key; whoever gets it must leave it as it is."""
        return self._documents.get_or_compute(key, make)

    def _parse_query(
        self,
        text: str,
        reach: Shown | Mapping[str, Shown],
        now: dt.datetime | None,
        timeout: float | None,
        beside: LiveRowSource | None,
    ) -> list[QueryResult]:
        catalog = GraphCatalog(self.files, self.shared_tenants)

        def rows() -> EngineRows:
            current = self.current(beside) if beside is not None else None
            return EngineRows(scans=catalog.list_scans(reach, current))

        found = QueryPipeline(catalog, rows).results(text, now=now, timeout=timeout)
        gaps = self.describe_gaps(catalog.requested_tables, reach)
        return [replace(one, gaps=gaps) for one in found] if gaps else found


class GraphCatalog:
    """The tables of Resource Graph (kql.Catalog), found in any case of their letters."""

    def __init__(self, files: Mapping[str, Sequence[Path]], shared_tenants: Collection[str] = ()) -> None:
        self._files, self._shared_tenants = files, shared_tenants
        self._asked: set[str] = set()

    def find_table(self, name: str) -> TableSchema | None:
        """The table of that name, or None; empty where the estate has nothing of it."""
        wanted = name.lower()
        if wanted not in TABLES:
            return None
        self._asked.add(wanted)
        return TableSchema(TABLES[wanted], COLUMNS, wanted)

    def find_function(self, name: str) -> StoredFunction | None:  # noqa: ARG002 - the protocol's signature
        """Return None: the graph has no stored functions."""
        return None

    def names(self) -> Iterable[str]:
        """The tables."""
        return TABLES.values()

    def known_tables(self) -> Iterable[str]:
        """None: wildcards match every table."""
        return ()

    def find_watchlist(self, alias: str) -> TableSchema | None:  # noqa: ARG002 - the protocol's signature
        """Return None: the graph has no watchlists."""
        return None

    def resolve_place(self, kind: str, name: str) -> Catalog | None:  # noqa: ARG002 - the protocol's signature
        """Return None: the graph has no other places."""
        return None

    @property
    def requested_tables(self) -> frozenset[str]:
        """The lower-cased names of the tables that were asked for."""
        return frozenset(self._asked)

    def list_scans(
        self, reach: Shown | Mapping[str, Shown], current: LiveRows | None = None
    ) -> dict[str, FileScan]:
        """The rows that a reach sees of every table that was asked for, and those that are true beside them."""
        of = reach.__getitem__ if isinstance(reach, Mapping) else lambda _: reach
        found = {name: self.scan(name, of(name)) for name in sorted(self._asked)}
        if current is not None and TABLE in found:
            found[TABLE] = add_current_rows(found[TABLE], current)
        return found

    def scan(self, name: str, reach: Shown) -> FileScan:
        """The rows that a reach sees of a lower-cased table."""
        columns = tuple(FileColumn(column, column, "VARCHAR") for column, _ in COLUMNS)
        groups = (tuple(self._files[name]),) if name in self._files else ()
        return FileScan(columns, groups, any_of=list_visible_pairs(reach, self._shared_tenants))


def add_current_rows(scan: FileScan, current: LiveRows) -> FileScan:
    """The rows of `securityresources` with those that are true now, in the place of what was published of them."""
    hidden = (("type", current.types), ("_key", current.keys))
    return replace(scan, without=hidden, beside=current.rows)
