"""Microsoft.Security/applications: which resources make up an application, of a subscription or of a connector.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/applications (2022-07-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.body_schema import accept_text, array, fields, words
from nephoscope.api.wire.document_kinds import ArmDocumentKind, declare
from nephoscope.api.wire.operation import ApiSurface

SURFACE = ApiSurface("Applications", "Microsoft.Security")


_CONDITION = fields(
    {}, {"property": accept_text(), "value": accept_text(), "operator": words("Contains", "Equals", "In")}
)
SHAPE = fields(
    {
        "sourceResourceType": words("Assessments"),
        "conditionSets": array(fields({"conditions": array(_CONDITION)})),
    },
    {"displayName": accept_text(), "description": accept_text()},
)


declare(
    SURFACE,
    ArmDocumentKind(
        "Microsoft.Security/applications",
        "Application",
        "Recommendations are not grouped by it here.",
        shape=SHAPE,
    ),
)
