"""Microsoft.SecurityInsights: data connectors and their definitions as a workspace has them, kept as documents.

Source: https://learn.microsoft.com/rest/api/securityinsights/data-connectors (2023-02-01), data-connector-definitions (2024-09-01)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.data_connector_schemas import CONNECTORS, DEFINITIONS
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, declare_document_operations
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.workspace_lookup import WORKSPACE

SURFACE = ApiSurface("Data connectors", "Microsoft.SecurityInsights")
EFFECT = "This server does not collect logs through it: use `nephoscope sources`."


def make_connector(_: ApiCall, body: Body, __: Body | None) -> Body:
    """The connector without the name that it signs in by, which Azure shows as little as the password."""
    properties = body.get("properties")
    if not isinstance(properties, dict) or "userName" not in properties:
        return body
    return {**body, "properties": {**properties, "userName": None}}


for _word, _operations, _shapes, _made in (
    ("dataConnectors", "DataConnectors", CONNECTORS, make_connector),
    ("dataConnectorDefinitions", "DataConnectorDefinitions", DEFINITIONS, None),
    ("officeConsents", "OfficeConsents", None, None),
):
    declare_document_operations(
        SURFACE,
        ArmDocumentKind(
            f"Microsoft.SecurityInsights/{_word}",
            _operations,
            EFFECT,
            WORKSPACE,
            made=_made,
            etag=_shapes is not None,
            shapes=_shapes,
        ),
    )
