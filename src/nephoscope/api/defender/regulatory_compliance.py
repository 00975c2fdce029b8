"""Microsoft.Security: regulatory compliance of a subscription: standards, their controls, and the assessments of each control.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/regulatory-compliance-standards (2019-01-01-preview)
"""

from __future__ import annotations

from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse

SURFACE = ApiSurface("Regulatory compliance", "Microsoft.Security")
_TYPE = "Microsoft.Security/regulatoryComplianceStandards"
_STANDARDS = f"/subscriptions/{{subscriptionId}}/providers/{_TYPE}"
_STANDARD = f"{_STANDARDS}/{{regulatoryComplianceStandardName}}"
_CONTROLS = f"{_STANDARD}/regulatoryComplianceControls"
_CONTROL = f"{_CONTROLS}/{{regulatoryComplianceControlName}}"
_ASSESSMENTS = f"{_CONTROL}/regulatoryComplianceAssessments"
#: (operations, path of the list, name of one, type, word)
_KINDS = (
    ("RegulatoryComplianceStandards", _STANDARDS, "regulatoryComplianceStandardName", _TYPE, "standard"),
    ("RegulatoryComplianceControls", _CONTROLS, "regulatoryComplianceControlName", f"{_TYPE}/regulatoryComplianceControls", "control"),
    (
        "RegulatoryComplianceAssessments", _ASSESSMENTS, "regulatoryComplianceAssessmentName",
        f"{_TYPE}/regulatoryComplianceControls/regulatoryComplianceAssessments", "assessment",
    ),
)  # fmt: skip


def _declare_standard_operations(operations: str, path: str, name: str, type_: str, word: str) -> None:
    permission = f"{type_}/read"

    @SURFACE.get(path, f"{operations}_List", permission)
    def _list(call: ApiCall) -> ApiResponse:
        """List the standards of a subscription, the controls of a standard, or the assessments of a control."""
        # what stands directly below the path: its own id, without the word of the list
        below = call.path.lower().rstrip("/").rpartition("/")[0]
        below = below.removesuffix("/providers/microsoft.security") if type_ == _TYPE else below
        return arm_documents.list_page(call, [type_], below)

    @SURFACE.get(f"{path}/{{{name}}}", f"{operations}_Get", permission)
    def _get(call: ApiCall) -> ApiResponse:
        """Get a standard, a control or an assessment."""
        return arm_documents.get_document(call, word)


for _kind in _KINDS:
    _declare_standard_operations(*_kind)
