"""Microsoft.Security/applications: which resources make up an application, of a subscription or of a connector.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/applications (2022-07-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.body_schema import array, fields, text, words
from nephoscope.api.wire.document_kinds import ArmDocumentKind, declare
from nephoscope.api.wire.operation import ApiSurface

SURFACE = ApiSurface("Applications", "Microsoft.Security")


_CONDITION = fields({}, {"property": text(), "value": text(), "operator": words("Contains", "Equals", "In")})
SHAPE = fields(
    {
        "sourceResourceType": words("Assessments"),
        "conditionSets": array(fields({"conditions": array(_CONDITION)})),
    },
    {"displayName": text(), "description": text()},
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
