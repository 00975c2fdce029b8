"""Response records: unwrap `{"data": [...]}`, `{"value": [...]}` and `{"columns": [...], "rows": [...]}`.

PowerShell capitalises the members: `Search-AzGraph` answers `{"SkipToken": ..., "Data": [...]}`.

The splitter takes answers apart as they stream by; this is for those whose members stand in an unusual order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.collect.resources.resource_record import RecordError
from nephoscope.collect.resources.truncated_values import is_truncated_rendering

if TYPE_CHECKING:
    from collections.abc import Iterator

_REPEAT = "give the account read access and export again"
_WRAPPERS = ("data", "value", "Data", "Value")


def is_wrapper(value: dict[str, object]) -> bool:
    """Return whether the object has no id and wraps a list of rows."""
    return (
        "id" not in value
        and "Id" not in value
        and (_is_table(value) or isinstance(_unwrap_response(value), list | dict))
    )


def reject_api_responses(value: dict[str, object]) -> None:
    """Raise RecordError for an answer that is no list of resources, with what it is and what to do."""
    if isinstance(value.get("Content"), str) and "StatusCode" in value:
        status = value["StatusCode"]
        raise RecordError(
            f"an answer with status {status} in place of resources: {_REPEAT}; it says {_extract_error_code(str(value['Content']))}"
        )
    if (code := _read_error_code(value)) and "id" not in value:
        raise RecordError(f"an error answer of Azure, {code}, in place of resources: {_REPEAT}")
    if is_truncated_rendering(inner := _unwrap_response(value)) and "id" not in value:
        raise RecordError(
            f"the list is cut to the text {str(inner)[:40]!r}: export again with ConvertTo-Json -Depth 100"
        )


def _extract_error_code(text: str) -> str:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        found = None
    return (isinstance(found, dict) and _read_error_code(found)) or "no code of an error"


def _read_error_code(value: dict[str, object]) -> str:
    error = value.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code[:100] if isinstance(code, str) else ""


def iterate_values(value: dict[str, object]) -> Iterator[Any]:
    """The rows, each a JSON value to be recognized in its turn; raises RecordError when there is no list."""
    inner = value if _is_table(value) else _unwrap_response(value)
    if isinstance(inner, list):
        yield from inner
    elif isinstance(inner, dict) and _is_table(inner):
        names = [column.get("name") if isinstance(column, dict) else column for column in inner["columns"]]
        for row in inner["rows"]:
            yield from_row(names, row)
    else:
        raise RecordError("'data' is neither a list nor a table of 'columns' and 'rows'")


def _unwrap_response(value: dict[str, object]) -> object:
    return next((value[name] for name in _WRAPPERS if name in value), None)


def from_row(columns: list[Any] | tuple[str, ...], row: object) -> dict[str, object]:
    """A row of a table as an object; raises RecordError when it has not as many cells as the table has columns."""
    if not isinstance(row, list) or len(row) != len(columns):
        raise RecordError(f"the row does not have the table's {len(columns)} cells")
    return dict(zip(columns, row, strict=True))


def _is_table(value: dict[str, object]) -> bool:
    return isinstance(value.get("columns"), list) and isinstance(value.get("rows"), list)
