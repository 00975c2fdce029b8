"""Microsoft.Security/applications: which resources make up an application, of a subscription or of a connector.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/applications (2022-07-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.body_schema import accept_text, declare_array, declare_enumeration, declare_object
from nephoscope.api.wire.document_kinds import ArmDocumentKind, declare_document_operations
from nephoscope.api.wire.operation import ApiSurface

SURFACE = ApiSurface("Applications", "Microsoft.Security")


_CONDITION = declare_object(
    {},
    {
        "property": accept_text(),
        "value": accept_text(),
        "operator": declare_enumeration("Contains", "Equals", "In"),
    },
)
SHAPE = declare_object(
    {
        "sourceResourceType": declare_enumeration("Assessments"),
        "conditionSets": declare_array(declare_object({"conditions": declare_array(_CONDITION)})),
    },
    {"displayName": accept_text(), "description": accept_text()},
)


declare_document_operations(
    SURFACE,
    ArmDocumentKind(
        "Microsoft.Security/applications",
        "Application",
        "This server does not group recommendations by it.",
        shape=SHAPE,
    ),
)
