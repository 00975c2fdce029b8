"""The tables of Resource Graph of an estate that is being judged (lake.GraphTables): what analyzers ask by KQL beside logs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from nephoscope.estate.estate import Estate
from nephoscope.lake.queries.estate_scope import Reaches
from nephoscope.posture.published.live_rows import build_row_table
from nephoscope.posture.reports.resource_graph_tables import COLUMNS, TABLES, find_table, list_unread_types
from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.engines.parquet import FileColumn, FileScan
from nephoscope_kql.errors import KqlError
from nephoscope_policy.model.resource import Resource


@dataclass(frozen=True)
class JudgedGraph:
    """The resources of some lower-cased types of one tenant's estate, before anything is judged; a table is made when it is read."""

    estate: Estate
    types: tuple[str, ...]
    version: int = -1
    _made: dict[str, pa.Table] = field(default_factory=dict)

    @property
    def tenants(self) -> Mapping[str, str]:
        """The one tenant of all subscriptions."""
        return {id_.rsplit("/", 1)[-1]: self.estate.tenant for id_ in self.estate.subscriptions}

    def names(self) -> Iterable[str]:
        """The names of all tables, as Azure writes them."""
        return TABLES.values()

    def table(self, name: str) -> TableSchema | None:
        """The table of a name in any case of its letters, or None."""
        wanted = name.lower()
        return TableSchema(TABLES[wanted], COLUMNS, wanted) if wanted in TABLES else None

    def describe_gaps(
        self,
        tables: Iterable[str],  # noqa: ARG002 - the protocol
        reaches: Reaches,  # noqa: ARG002 - the protocol
        subscriptions: frozenset[str] | None,  # noqa: ARG002 - the protocol
    ) -> Iterable[str]:
        """Nothing: an analyzer asks by `need` for what it cannot do without."""
        return ()

    def scan(self, table: str, reaches: Reaches, subscriptions: frozenset[str] | None) -> FileScan:  # noqa: ARG002 - the protocol
        """All rows of a lower-cased table: an analyzer judges for nobody in particular. KqlError where none of its types was read."""
        if table not in self._made:
            self._require_read(table)
            self._made[table] = build_row_table(
                (one.body for one in self._resources.get(table, ())), self.estate.tenant, table
            )
        columns = tuple(FileColumn(column, column, "VARCHAR") for column, _ in COLUMNS)
        return FileScan(columns, beside=self._made[table])

    def _require_read(self, table: str) -> None:
        types = [one for one in self.types if find_table(one) == table]
        if (
            types
            and not self._resources.get(table)
            and len(list_unread_types(self.estate.coverage, types)) == len(types)
        ):
            raise KqlError(f"{', '.join(types)} was not collected", kind="unsupported")

    @cached_property
    def _resources(self) -> dict[str, list[Resource]]:
        found: defaultdict[str, list[Resource]] = defaultdict(list)
        for type_ in self.types:
            found[find_table(type_)] += self.estate.list_of_type(type_)
        return found
