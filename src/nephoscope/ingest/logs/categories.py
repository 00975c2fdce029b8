"""Resource logs that have a table of their own: which category of which resource type goes where, and rows made of their fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from nephoscope.content.loader import load_documents
from nephoscope.ingest.logs.azure_diagnostics import build_diagnostics_row
from nephoscope.ingest.logs.column_filling import Filling, start_row
from nephoscope.ingest.logs.resource_log import find_first_text, read_properties, read_resource_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import LogRow, RecordFault, StreamContext

Shape = Callable[[dict[str, object], dict[str, object], dict[str, object]], None]
"""(record, properties, values of the row): what a category needs beside names and types; takes members out of `properties`."""

#: Members of the record itself that say nothing that the row does not say already.
ENVELOPE = frozenset(
    {"time", "Time", "timestamp", "timeStamp", "resourceId", "ResourceId", "properties", "Properties"}
)
_AND_CATEGORY = ENVELOPE | {"category", "Category"}
#: Providers whose resource logs Azure writes to AzureDiagnostics or to tables of their own, as the diagnostic setting says.
_TWO_WAYS = frozenset(
    {
        "microsoft.apimanagement",
        "microsoft.containerservice",
        "microsoft.datafactory",
        "microsoft.dataprotection",
        "microsoft.dbformysql",
        "microsoft.dbforpostgresql",
        "microsoft.documentdb",
        "microsoft.eventgrid",
        "microsoft.eventhub",
        "microsoft.keyvault",
        "microsoft.kubernetes",
        "microsoft.recoveryservices",
        "microsoft.servicebus",
        "microsoft.sql",
        "microsoft.synapse",
    }
)


@cache
def load_category_tables() -> Mapping[str, str]:
    """`resource type:category`, lower-cased -> the table, as content/tables says."""
    return {
        category.lower(): table["name"]
        for table in (document.json() for document in load_documents(kind="tables"))
        for category in table.get("categories", ())
    }


@cache
def _map_tables_by_category() -> Mapping[str, str]:
    """The category, lower-cased -> the table, where the categories of that name of all resource types have the same one."""
    tables: dict[str, set[str]] = {}
    for key, table in load_category_tables().items():
        tables.setdefault(key.rpartition(":")[2], set()).add(table)
    return {category: next(iter(named)) for category, named in tables.items() if len(named) == 1}


@lru_cache(maxsize=8192)
def get_resource_type(resource_id: str) -> str:
    """The type in a resource id, `namespace/type[/child type]`, lower-cased; '' where there is none."""
    parts = resource_id.lower().strip("/").split("/")
    if "providers" not in parts:
        return ""
    tail = parts[len(parts) - parts[::-1].index("providers") :]
    return "/".join([*tail[:1], *tail[1::2]])


def read_category(record: dict[str, object]) -> str:
    """The category, lower-cased ('' = none)."""
    found = record.get("category", record.get("Category"))
    return found.lower() if isinstance(found, str) else ""


def has_two_log_modes(resource_id: str) -> bool:
    """Return whether Azure can write the resource's logs to AzureDiagnostics as well as to tables of their own."""
    return get_resource_type(resource_id).partition("/")[0] in _TWO_WAYS


@dataclass(frozen=True, slots=True)
class CategoryFormat:
    """A format that knows its records by their category: `routes` lower-cased category -> table.

    `provider` is what the resource id must name ('' = any); `both`: AzureDiagnostics has the record too, where the context says so.
    """

    name: str
    title: str
    routes: Mapping[str, str]
    provider: str = ""
    both: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)
    shape: Shape | None = None
    fillings: dict[str, Filling] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it writes."""
        return (*dict.fromkeys(self.routes.values()), *(("AzureDiagnostics",) if self.both else ()))

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether the category is one of ours, of our provider where the record says which."""
        if read_category(record) not in self.routes:
            return False
        resource_id = record.get("resourceId", record.get("ResourceId"))
        return not self.provider or not isinstance(resource_id, str) or self.provider in resource_id.lower()

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The rows of a record."""
        if not self.both or context.destination.is_dedicated:
            yield self.build_dedicated_row(record, context, self.routes[read_category(record)])
        if self.both and context.destination.allows_azure_diagnostics:
            yield build_diagnostics_row(record, context)

    def build_dedicated_row(self, record: dict[str, object], context: StreamContext, table: str) -> LogRow:
        """The row for the table of the category."""
        return build_row(record, context, self.find_filling(table), self.shape)

    def find_filling(self, table: str) -> Filling:
        """Return what fills rows of a table; made once."""
        return self.fillings.setdefault(table, Filling(table, self.renames))


def build_row(
    record: dict[str, object], context: StreamContext, filling: Filling, shape: Shape | None = None
) -> LogRow:
    """The row of a record: the shape, then the members of `properties`, then those of the record; raises BadRecordError."""
    values = start_row(record, context)
    properties = dict(read_properties(record, "Properties" if "Properties" in record else "properties"))
    rest = dict(record)
    if shape is not None:
        shape(rest, properties, values)
    filling.fill(values, properties)
    filling.fill(values, rest, skip=ENVELOPE if filling.column("category") else _AND_CATEGORY)
    return filling.row(values)


def find_dedicated_table(record: dict[str, object], context: StreamContext) -> str:
    """The table that the content names for the record's category and resource type, '' where it names none.

    Of a record that does not say its resource, the one that the category has for every resource type.
    """
    kind = get_resource_type(read_resource_id(record, context) or find_first_text(record, "resourceId"))
    if not kind:
        return _map_tables_by_category().get(read_category(record), "")
    return load_category_tables().get(f"{kind}:{read_category(record)}", "")
