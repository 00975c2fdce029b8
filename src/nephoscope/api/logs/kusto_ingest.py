"""Kusto: streaming ingestion, as Azure Data Explorer's clients send it: an answer says that the records are on disk.

Source: https://learn.microsoft.com/kusto/api/rest/streaming-ingest (requests, formats)
"""

from __future__ import annotations

import msgspec

from nephoscope.api.logs.log_analytics import find_workspace
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.kusto_response import build_v1_table
from nephoscope.api.wire.operation import OWN, ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.files.json_text import iterate_json_documents
from nephoscope.files.separated_values import SeparatedValuesError, read_separated_rows
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.ingest.live.ingestion.streams import PUBLISH
from nephoscope_kql.types import KqlType

SURFACE = ApiSurface("Kusto ingestion", lets=OWN)
SEPARATORS = {"csv": ",", "tsv": "\t", "scsv": ";", "psv": "|", "sohsv": "\x01"}
FORMATS = ("json", "multijson", *SEPARATORS)
_COLUMNS = [
    ("ConsumedRecordsCount", KqlType.LONG),
    ("UpdatePolicyStatus", KqlType.STRING),
    ("UpdatePolicyFailureCode", KqlType.STRING),
    ("UpdatePolicyFailureReason", KqlType.STRING),
]


@SURFACE.declare_post_query(
    "/v1/rest/ingest/{database}/{table}", "Kusto_StreamingIngest", PUBLISH, versioned=False
)
def ingest_records(call: ApiCall) -> ApiResponse:
    """Ingest records into a table of a workspace: JSON, or text rows in the order of the table's columns."""
    workspace = find_workspace(call, call["database"]).name
    call.caller.require(PUBLISH, f"/workspaces/{workspace}")
    table = call.instance.lake.tables.get(call["table"])
    if table is None:
        raise _build_bad_request("BadRequest_EntityNotFound", f"Table '{call['table'][:100]}' not found.")
    if call.get_query_value("mappingName"):
        raise _build_bad_request(
            "BadRequest_MappingReferenceWasNotFound",
            "Ingestion mappings are not supported: name columns as in the table.",
        )
    kind = (call.get_query_value("streamFormat") or "csv").lower()
    if kind not in FORMATS:
        raise _build_bad_request(
            "BadRequest_UnsupportedFormat", f"streamFormat must be one of {', '.join(FORMATS)}."
        )
    records = (
        _parse_json(call.raw)
        if kind not in SEPARATORS
        else _parse_rows(call.raw, SEPARATORS[kind], [name for name, _ in table.columns])
    )
    door, stream = call.instance.doors.for_workspace(workspace), f"Microsoft-{table.name}"
    try:
        flows = door.find_flows(workspace, stream)
        door.count(workspace, len(call.raw))
        request = call.headers.get("x-ms-client-request-id", "")[:200]
        door.ingest_body(flows, stream, msgspec.json.encode(records), request, call.caller.principal.binding)
    except IngestionRefusedError as error:
        headers = {"Retry-After": str(error.again)} if error.again else {}
        raise ApiError(error.status, error.code, error.message, headers=headers) from error
    return ApiResponse(
        {"Tables": [build_v1_table("Table_0", _COLUMNS, [(len(records), "Inactive", "Unknown", "")])]}
    )


def _parse_json(raw: bytes) -> list[dict[str, object]]:
    """The records of a JSON array, or of objects one behind another or a line each; Fault with the line of what is none."""
    found: list[object] = []
    for document in iterate_json_documents(raw):
        if document.wrong:
            problem = f"Line {document.line}, column {document.column}: {document.wrong}."
            raise _build_bad_request("BadRequest_InvalidData", problem)
        found += document.value if isinstance(document.value, list) else [document.value]
    records = [one for one in found if isinstance(one, dict)]
    if len(records) < len(found):
        raise _build_bad_request("BadRequest_InvalidData", "A record is not a JSON object.")
    return records


def _parse_rows(raw: bytes, separator: str, columns: list[str]) -> list[dict[str, object]]:
    """Rows of texts under the names of the table's columns; Fault with the row of what does not fit."""
    try:
        several = [
            row.require_cells()
            for row in read_separated_rows(raw.decode("utf-8-sig"), separator)
            if not row.empty
        ]
    except (UnicodeDecodeError, SeparatedValuesError) as error:
        raise _build_bad_request("BadRequest_InvalidData", f"The rows cannot be read: {error}.") from error
    for number, row in enumerate(several, 1):
        if len(row) > len(columns):
            raise _build_bad_request(
                "BadRequest_InvalidData",
                f"Row {number} has {len(row)} cells, but the table has {len(columns)} columns.",
            )
    return [{name: cell for name, cell in zip(columns, row, strict=False) if cell} for row in several]


def _build_bad_request(code: str, message: str) -> ApiError:
    return ApiError(400, code, message)
