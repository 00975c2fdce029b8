"""Microsoft.ResourceGraph/queries: queries of Resource Graph that people keep under a name.

Source: https://learn.microsoft.com/rest/api/azureresourcegraph/graphquery (2024-04-01)
"""

from __future__ import annotations

from nephoscope.api.arm.resource_graph import check_query, complete_query
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.document_kinds import (
    ArmDocumentKind,
    Body,
    build_system_data,
    declare_document_operations,
)
from nephoscope.api.wire.operation import ApiSurface

SURFACE = ApiSurface("Saved queries", "Microsoft.ResourceGraph")


def check(body: Body) -> None:
    """Fault where a query is missing or cannot be run."""
    query = body["properties"].get("query")
    if not isinstance(query, str) or not query.strip():
        raise make_bad_request_error("'query' must be a string.", "properties.query")
    check_query(complete_query(query))


def make_query(call: ApiCall, body: Body, before: Body | None) -> Body:
    """The query with who made and changed it, and when."""
    own_properties = {"resultKind": "basic", "timeModified": call.instance.now.isoformat()}
    properties = {"description": "", **body["properties"], **own_properties}
    return {
        **body,
        "tags": body.get("tags") or {},
        "properties": properties,
        "systemData": build_system_data(call, before),
    }


declare_document_operations(
    SURFACE,
    ArmDocumentKind(
        "Microsoft.ResourceGraph/queries",
        "GraphQuery",
        "Everybody who may read it can run it by Resource Graph.",
        check=check,
        made=make_query,
        created=200,
        patched=True,
        etag=True,
        acting=True,
    ),
)
