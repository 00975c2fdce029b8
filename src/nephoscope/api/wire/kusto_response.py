"""Tables and errors as Kusto's clients read them.

Source: https://learn.microsoft.com/kusto/api/rest/response-http (v1 tables, v2 frames)
"""

from __future__ import annotations

from collections.abc import Iterable

from nephoscope.api.wire.azure_error import ApiError
from nephoscope_kql.types import KqlType

#: KQL type -> the one of .NET, which v1 tells beside it.
DATA_TYPES = {
    KqlType.STRING: "String", KqlType.GUID: "Guid", KqlType.LONG: "Int64", KqlType.INT: "Int32", KqlType.REAL: "Double",
    KqlType.DECIMAL: "SqlDecimal", KqlType.BOOL: "SByte", KqlType.DATETIME: "DateTime", KqlType.TIMESPAN: "TimeSpan",
    KqlType.DYNAMIC: "Object",
}  # fmt: skip
Column = tuple[str, KqlType]
Row = tuple[object, ...]


class KustoError(ApiError):
    """An error as Kusto's clients read it."""

    permanent = True
    kind = "Kusto.Data.Exceptions.KustoBadRequestException"
    summary = "Request is invalid and cannot be executed."

    def body(self) -> dict[str, object]:
        """The error object."""
        error = {
            "code": self.code,
            "message": self.summary,
            "@message": self.message,
        }
        return {"error": {**error, "@type": self.kind, "@permanent": self.permanent}}


def make_bad_request_error(code: str, message: str) -> ApiError:
    """400: a query, command or property that cannot be answered."""
    return KustoError(400, code, message)


def build_v1_table(name: str, columns: Iterable[Column], rows: Iterable[Row]) -> dict[str, object]:
    """A table of version 1."""
    column_documents = [
        {"ColumnName": one, "DataType": DATA_TYPES[kind], "ColumnType": kind.value} for one, kind in columns
    ]
    return {"TableName": name, "Columns": column_documents, "Rows": list(rows)}


def build_table_frame(
    id_: int, kind: str, name: str, columns: Iterable[Column], rows: Iterable[Row]
) -> dict[str, object]:
    """A table of version 2."""
    column_documents = [{"ColumnName": one, "ColumnType": type_.value} for one, type_ in columns]
    return {
        "FrameType": "DataTable",
        "TableId": id_,
        "TableKind": kind,
        "TableName": name,
        "Columns": column_documents,
        "Rows": list(rows),
    }


def make_columns(**kinds: KqlType) -> tuple[Column, ...]:
    """The columns of a table by name."""
    return tuple(kinds.items())
