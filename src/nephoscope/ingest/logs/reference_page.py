"""The reference page of log formats and the tables that they write, from the code: docs/reference/log-formats.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import FastFormat, FileFormat, LineFormat, LogFormat
from nephoscope.lake.schema.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.ingest.logs.log_format import Format

_INTRODUCTION = """# Log formats

*Generated from the code by `make docs`; do not edit.*

What `nephoscope ingest` and the live sources read. Each record is recognized by itself: categories may mix in a stream. Names are
those of `--format`. How streams are read, and what becomes of what is broken: [the guide](../guides/ingest.md).
"""
#: A format with more tables than this is listed by its number.
_FEW = 20


def render_page() -> str:
    """The page as Markdown."""
    every = {form.name: form for group in load_formats()[:3] for form in group}
    lines = [_INTRODUCTION, "| format | what | read as | tables |", "|---|---|---|---|"]
    lines += [_build_row(every[name]) for name in sorted(every)]
    lines += [
        "",
        "## Tables",
        "",
        "Every table that a format above writes. `nephoscope tables show NAME` lists columns.",
        "",
    ]
    lines += ["| table | rows | columns |", "|---|---|---|", *_list_tables(every.values())]
    return "\n".join(lines) + "\n"


def _build_row(form: Format) -> str:
    tables = [f"`{name}`" for name in sorted(form.tables)]
    shown = ", ".join(tables) if len(tables) <= _FEW else f"{len(tables)} tables, see below"
    return f"| `{form.name}` | {form.title} | {', '.join(_list_ways(form))} | {shown or 'any'} |"


def _list_ways(form: Format) -> Iterator[str]:
    if isinstance(form, LogFormat):
        yield "JSON, whole blocks at once" if isinstance(form, FastFormat) else "JSON"
    if isinstance(form, LineFormat):
        yield "lines"
    if isinstance(form, FileFormat):
        yield "file"


def _list_tables(forms: Iterable[Format]) -> Iterator[str]:
    known = Tables.builtin()
    names = {name for form in forms for name in form.tables}
    for name in sorted(names | {"NTANetAnalytics", "AzureNetworkAnalytics_CL"}, key=str.lower):
        table = known[name]
        yield f"| `{name}` | {table.description} | {len(table.columns)} |"
