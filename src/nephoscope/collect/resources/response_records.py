"""Response records: unwrap `{"data": [...]}`, `{"value": [...]}` and `{"columns": [...], "rows": [...]}`.

PowerShell capitalises the members: `Search-AzGraph` answers `{"SkipToken": ..., "Data": [...]}`.

The splitter takes answers apart as they stream by; this is for those whose members stand in an unusual order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.collect.resources.resource_record import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRAPPERS = ("data", "value", "Data", "Value")


def wraps(value: dict[str, object]) -> bool:
    """Return whether the object has no id and wraps a list of rows."""
    return (
        "id" not in value
        and "Id" not in value
        and (_is_table(value) or isinstance(_inner(value), list | dict))
    )


def values(value: dict[str, object]) -> Iterator[Any]:
    """The rows, each a JSON value to be recognised in its turn; raises RecordError when there is no list."""
    inner = value if _is_table(value) else _inner(value)
    if isinstance(inner, list):
        yield from inner
    elif isinstance(inner, dict) and _is_table(inner):
        names = [column.get("name") if isinstance(column, dict) else column for column in inner["columns"]]
        for row in inner["rows"]:
            yield from_row(names, row)
    else:
        raise RecordError("'data' is neither a list nor a table of 'columns' and 'rows'")


def _inner(value: dict[str, object]) -> object:
    return next((value[name] for name in _WRAPPERS if name in value), None)


def from_row(columns: list[Any] | tuple[str, ...], row: object) -> dict[str, object]:
    """A row of a table as an object; raises RecordError when it has not as many cells as the table has columns."""
    if not isinstance(row, list) or len(row) != len(columns):
        raise RecordError(f"the row does not have the table's {len(columns)} cells")
    return dict(zip(columns, row, strict=True))


def _is_table(value: dict[str, object]) -> bool:
    return isinstance(value.get("columns"), list) and isinstance(value.get("rows"), list)
