"""The page of the tables that the package knows."""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope.lake.schema.column_types import STANDARD
from nephoscope.lake.schema.published_tables import load_published_tables
from nephoscope.lake.schema.tables import Tables


def render_page() -> str:
    """The page as Markdown: every table with what it holds and the categories of resource logs that it takes."""
    tables, published = (
        sorted(Tables.from_definitions(), key=lambda table: table.name.lower()),
        load_published_tables(),
    )
    lines = [
        "# Tables",
        "",
        "Generated from `content/tables` and `content/published_tables.txt` by `make docs`.",
        "`nephoscope tables show NAME` shows columns.",
        "",
        f"The package knows {len(tables) + len(published)} tables: {len(tables)} with a definition, and {len(published)} [published",
        "tables](#published-tables). Others come by import ([the lake](../guides/lake.md#tables)). Every table has",
        f"{', '.join(f'`{name}`' for name in STANDARD)} and a dynamic bag for values that no column takes.",
        "",
        "A [bound program](../guides/serve.md#programs-that-are-bound-to-a-machine) may not contradict the columns that name the",
        "machine of a row, and writes to no table without any.",
        "",
        "| table | columns | what it holds | categories | names the machine |",
        "|---|---|---|---|---|",
    ]
    for table in tables:
        categories = ", ".join(table.categories)
        machine = ", ".join(f"`{name}`" for name, _ in table.machine or ())
        lines.append(
            f"| `{table.name}` | {len(table.columns)} | {table.description} | {categories} | {machine} |"
        )
    return "\n".join([*lines, *_list_published_tables(published)]) + "\n"


def _list_published_tables(published: Iterable[str]) -> list[str]:
    """The section of the published tables: their names, in one paragraph a first letter."""
    by_letter: dict[str, list[str]] = {}
    for name in sorted(published, key=str.lower):
        by_letter.setdefault(name[0].upper(), []).append(f"`{name}`")
    return [
        "",
        "## Published tables",
        "",
        "Tables of the [Azure Monitor reference](https://learn.microsoft.com/azure/azure-monitor/reference/tables-index), and custom",
        "tables that solutions of Microsoft Sentinel read, by name, columns and types. Queries and rules over them compile, and rows",
        "that are sent to them land typed. No format of the package writes them. `tables import` replaces such a definition.",
        *(line for letter in by_letter for line in ("", ", ".join(by_letter[letter]))),
    ]
