"""Tables that Azure Monitor and Sentinel publish and that have no definition in content/tables: facts only, no description.

A line of the file is parsed when its table is first asked for: most processes ask for few of them, and all know their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

from nephoscope.lake.errors import LakeError
from nephoscope.lake.schema.table import LakeTable
from nephoscope_kql.types import KqlType

FILE = "published_tables.txt"


class PublishedTables(Mapping[str, LakeTable]):
    """Tables by name, from text: a line each, the name, a tab, columns `name` (a string) or `name:type`; `where` names the text."""

    def __init__(self, text: str, where: str) -> None:
        self._where = where
        lines = enumerate(text.splitlines(), 1)
        pairs = [(line.partition("\t"), number) for number, line in lines if line and line[0] != "#"]
        self._lines = {name: (number, columns) for (name, _, columns), number in pairs}
        if len(self._lines) != len(pairs):
            raise LakeError(f"{where}: a table is defined twice")
        self._parsed: dict[str, LakeTable] = {}

    def __getitem__(self, name: str) -> LakeTable:
        """Return the table of that name; LakeError where its line is wrong."""
        found = self._parsed.get(name)
        if found is None:
            number, columns = self._lines[name]
            found = self._parsed[name] = _parse_table(name, columns, f"{self._where}:{number}")
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


@cache
def load_published_tables() -> PublishedTables:
    """Return the tables of the package's file."""
    text = (files("nephoscope.content") / FILE).read_text(encoding="utf-8")
    return PublishedTables(text, f"content/{FILE}")


def _parse_table(name: str, columns: str, where: str) -> LakeTable:
    pairs = [column.partition(":") for column in columns.split()]
    types = {column: kind or KqlType.STRING.value for column, _, kind in pairs}
    if len(types) != len(pairs):
        raise LakeError(f"{where}: table {name}: a column is listed twice")
    return LakeTable.parse({"name": name, "columns": types}, where)
