"""Live rows of a Resource Graph table, merged with or replacing published rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa

from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.document_rows import row
from nephoscope.posture.reports.resource_graph_tables import COLUMNS

TABLE = "securityresources"
SCHEMA = pa.schema([(name, pa.string()) for name, _ in COLUMNS])


@dataclass(frozen=True, slots=True)
class LiveRows:
    """The rows of `securityresources` that are true now.

    Of what was published in that table, documents of the lower-cased `types` and of the lower-cased ids `keys` are not shown.
    """

    rows: pa.Table = field(repr=False)
    types: frozenset[str]
    keys: frozenset[str]


class LiveRowSource(msgspec.Struct, frozen=True):
    """Source of live rows: `key` is equal where the rows are, so that they are built only where an answer needs them."""

    key: Hashable
    make: Callable[[], LiveRows]


def build_row_table(bodies: Iterable[Mapping[str, object]], tenant: str, table: str = TABLE) -> pa.Table:
    """ARM bodies as rows of a table, in the order of their ids; what a body says of its `resourceGroup` holds before its id."""
    found = sorted((_build_row(one, tenant, table) for one in bodies), key=lambda one: str(one["id"]).lower())
    return pa.Table.from_pylist(found, schema=SCHEMA)


def _build_row(body: Mapping[str, object], tenant: str, table: str) -> dict[str, object]:
    known = row(PublishedDocument.of(body, tenant=tenant), table)
    columns = {name: known[name] for name, _ in COLUMNS}
    return columns | {"resourceGroup": str(body.get("resourceGroup") or columns["resourceGroup"]).lower()}
