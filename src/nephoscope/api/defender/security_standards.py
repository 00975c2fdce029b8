"""Microsoft.Security: standards and recommendations of one's own as Defender for Cloud keeps them, beside policy initiatives.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/security-standards (2024-08-01), standards (2021-08-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire.document_kinds import ArmDocumentKind, declare_document_operations
from nephoscope.api.wire.operation import ApiSurface

SURFACE = ApiSurface("Standards of one's own", "Microsoft.Security")
EFFECT = "This server does not evaluate it: create and assign a policy initiative instead."

for _word, _operations, _patched in (
    ("standards", "Standards", False),
    ("assignments", "Assignments", False),
    ("securityStandards", "SecurityStandards", False),
    ("standardAssignments", "StandardAssignments", False),
    ("customRecommendations", "CustomRecommendations", False),
    ("customAssessmentAutomations", "CustomAssessmentAutomations", False),
    ("customEntityStoreAssignments", "CustomEntityStoreAssignments", False),
):
    declare_document_operations(
        SURFACE,
        ArmDocumentKind(f"Microsoft.Security/{_word}", _operations, EFFECT, patched=_patched, whole=True),
    )
