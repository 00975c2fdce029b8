"""The reference page of the plugins of `evaluate`, from their registry."""

from __future__ import annotations

from nephoscope_kql.plugin_registry import load_plugins
from nephoscope_kql.plugins.frequent_patterns import MAX_SETS

_INTRODUCTION = f"""# KQL: the plugins of evaluate

*Generated from the code by `make docs`; do not edit.*

`T | evaluate plugin(arguments)`. Hints such as `hint.distribution=per_node` are read and change nothing on one machine. An argument
in brackets may be left out, `...` repeats, `'~'` leaves an argument to the plugin.

**Columns that depend on rows.** `bag_unpack` and `pivot` make columns of what the rows hold. Where the query declares them,
`: (a: string, b: long)`, or `: (*, a: string)` for the input's columns too, nothing has to be looked at. Else the engine computes the
rows before the plugin, learns the columns, and goes on; `kql.compile` alone and `kql.schema` know only the columns that do not depend
on rows. A column that later operators name and that no row has is a null dynamic, so that a rule also runs over rows that lack it.

**Inside mv-apply and partition** work the plugins whose result for a row depends on that row alone: `ipv4_lookup`, `ipv6_lookup`, and
`bag_unpack` with declared columns. Others are refused there by name.

**Patterns.** `basket` gives closed patterns: all values that its rows share; its MaxDimensions counts the values that do not follow
from others. A search that meets more than {MAX_SETS:,} combinations starts again with a higher threshold. Counts of distinct
values are exact in all plugins.

| plugin | what it does | status |
|---|---|---|
"""


def render_page() -> str:
    """The Markdown of docs/reference/kql-plugins.md."""
    shown = (one for one in load_plugins().values() if not one.is_internal)
    known = sorted(shown, key=lambda one: (one.bind is None, one.name))
    return _INTRODUCTION + "".join(f"| `{one.signature}` | {one.summary} | {one.status} |\n" for one in known)
