"""Resource Graph tables whose types were not collected: an empty answer would read as none in the estate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nephoscope.collect.resource_sources import TypeSources
from nephoscope.posture.reports.resource_graph_tables import TABLES, map_tables_to_types
from nephoscope_kql.errors import KqlError


class UncollectedTableError(KqlError):
    """A query reads lower-cased tables of which nothing was read."""

    def __init__(self, tables: Sequence[str]) -> None:
        self.tables = tuple(TABLES[one] for one in tables)
        types = {type_ for one in tables for type_ in map_tables_to_types().get(one, ())}
        super().__init__(
            f"nothing is read into {', '.join(self.tables)} here: that it has no rows would say nothing of the estate",
            kind="unsupported",
            hint=f"collect {list_types(types)}" if types else "",
        )


def list_types(types: Iterable[str]) -> str:
    """Write lower-cased types as Azure does, the first of several and how many more."""
    first, *more = sorted(map(TypeSources.load_builtin().spell, types))
    return f"{first} and {len(more)} more types" if len(more) > 1 else " and ".join([first, *more])
