"""The page of the tables that the package knows."""

from __future__ import annotations

from nephoscope.lake.schema.column_types import STANDARD
from nephoscope.lake.schema.tables import Tables


def render_page() -> str:
    """The page as Markdown: every table with what it holds and the categories of resource logs that it takes."""
    tables = sorted(Tables.builtin(), key=lambda table: table.name.lower())
    lines = [
        "# Tables",
        "",
        "Generated from the definitions in `content/tables` by `make docs`. `nephoscope tables show NAME` shows columns.",
        "",
        f"The package knows {len(tables)} tables; others come by import ([the lake](../guides/lake.md#tables)). Every table has",
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
    return "\n".join(lines) + "\n"
