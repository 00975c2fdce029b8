"""Exemptions of resources from recommendations and assignments, as they are listed and ended."""

from __future__ import annotations

from nephoscope.operations.declaration.operation import MissingError, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.schemas import Text
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.service.exemptions import DELETE, READ, end_exemption
from nephoscope_policy.exemption import TYPE_NAME, Exemption

OPERATIONS = OperationGroup("exemptions", "Exemptions", "An exemption")


@OPERATIONS.operation(
    READ,
    page=SectionList(
        "Exemptions", "Posture", "exemption", "Resources that are exempt from a recommendation or an assignment, why and until when.",
        key="key", name="reason", guide="exemptions.md", facets=("state", "category"),
        nothing="No exemptions yet: the page of a recommendation exempts resources from it.",
        columns=(
            PageColumn("reason", "Reason"), PageColumn("from", "Exempt from", optional=True),
            PageColumn("scope", "Scope", optional=True),
            PageColumn("category", "Category", optional=True), PageColumn("state", "State"), PageColumn("ends", "Ends", optional=True),
            PageColumn("by", "By", optional=True),
        ),
    ),
)  # fmt: skip
def list_exemptions(call: OperationCall) -> list[Row]:
    """List the exemptions that were put here."""
    documents = call.state.arm_documents.all([TYPE_NAME])
    titles = (
        {one.name.lower(): one.display_name for one in Packs(call.service.data).catalog().definitions()}
        if documents
        else {}
    )
    found = [(one, Exemption.parse(one.body)) for one in documents]
    return [
        {
            "key": one.row_key.strip("/"), "reason": exemption.description or exemption.display_name or "no reason given",
            "from": ", ".join(titles.get(name, name) for name in sorted(exemption.recommendations))
            or exemption.assignment.rpartition("/")[2],
            "scope": one.place(exemption.scope or "/"), "category": exemption.category, "ends": exemption.expires_on, "by": one.author,
            "state": "in force" if exemption.is_active(call.service.now) else "expired",
        }
        for one, exemption in found
    ]  # fmt: skip


@OPERATIONS.operation(DELETE, page=OperationForm("End", in_rows=True, closes=True))
def end_whole_exemption(call: OperationCall, key: Text) -> None:
    """End an exemption with all that it exempts from: the next assessment counts its resources again."""
    found = call.state.arm_documents.get(f"/{key}")
    if found is None:
        raise MissingError(f"An exemption {key[-100:]}")
    end_exemption(call.service, found)
