"""HTML: one self-contained page, a table a result; no script, nothing fetched."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from nephoscope_kql.cell_formatting import format_cell, iterate_rows, list_typed_columns

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>nephoscope query</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; }
table { border-collapse: collapse; margin-bottom: 2rem; }
th, td { border: 1px solid #ccc; padding: 0.2rem 0.5rem; text-align: left; vertical-align: top; }
th small { font-weight: normal; color: #666; }
.number { text-align: right; }
</style>
</head>
<body>
"""


def render(results: Sequence[QueryResult], out: TextIO, limit: int) -> None:
    """Write the page with the first `limit` rows of each result."""
    out.write(_HEAD)
    for result in results:
        columns = list_typed_columns(result.table)
        if result.name:
            out.write(f"<h2>{html.escape(result.name)}</h2>\n")
        heads = "".join(f"<th>{html.escape(name)} <small>{kind.value}</small></th>" for name, kind in columns)
        out.write(f"<table>\n<tr>{heads}</tr>\n")
        for row in iterate_rows(result.table, limit):
            cells = "".join(
                f"<td{' class=number' if kind.is_numeric else ''}>{html.escape(format_cell(cell, kind))}</td>"
                for cell, (_, kind) in zip(row, columns, strict=True)
            )
            out.write(f"<tr>{cells}</tr>\n")
        out.write("</table>\n")
        if result.table.num_rows > limit:
            out.write(f"<p>{limit} of {result.table.num_rows} rows.</p>\n")
    out.write("</body>\n</html>\n")
