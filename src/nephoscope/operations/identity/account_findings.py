"""Account findings: unused and over-privileged administrators, stale guests, application credentials and consent grants."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from nephoscope.operations.declaration.operation import ApiRoute, CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import PageColumn, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Shape
from nephoscope.service.administrators import review_accounts
from nephoscope.service.identity_risk import READ

OPERATIONS = OperationGroup("accountFindings", "Account findings", "The finding")

_SEVERITIES = ("Low", "Medium", "High")


class AccountFindingQuery(InWorkspace, frozen=True, kw_only=True):
    """A filter of account findings."""

    severity: Annotated[
        Literal["Low", "Medium", "High"], describe("Show only findings with at least this severity.")
    ] = "Low"


class AccountFindingShape(Shape, frozen=True, kw_only=True):
    """A weakness of an account or application, the reason, and what to do."""

    id: str
    account: str
    kind: str
    name: str
    finding: str
    severity: str
    reason: str
    remediation: str
    since: datetime | None


class AccountFindingPage(Shape, frozen=True, kw_only=True):
    """Account findings, the worst first, and what was not collected, so that there may be more."""

    value: tuple[AccountFindingShape, ...]
    not_collected: tuple[str, ...]


def _describe_gaps(found: AccountFindingPage) -> list[str]:
    return [f"not collected: {', '.join(found.not_collected)}"] if found.not_collected else []


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/accountFindings"),
    CommandLine(
        "list", columns=("severity", "finding", "name", "kind", "reason", "remediation", "since", "account"), notes=_describe_gaps,
        nothing="no account findings",
    ),
    needs_lake=True,
    page=SectionList(
        "Account findings", "Identity", "finding",
        "Administrators, emergency access accounts, stale guests, application credentials and consent grants.", key="id", name="name",
        guide="identity.md", facets=("severity", "finding", "kind"), nothing="No account findings.", order=40, tab="Accounts",
        columns=(
            PageColumn("name", "Account"), PageColumn("severity", "Severity"), PageColumn("finding", "Finding"),
            PageColumn("reason", "Reason", optional=True), PageColumn("remediation", "Remediation", optional=True),
        ),
    ),
)  # fmt: skip
def list_account_findings(call: OperationCall, query: AccountFindingQuery) -> AccountFindingPage:
    """List weaknesses of accounts and applications, worst first."""
    found, gaps = review_accounts(call.service, call.lake, call.workspace(query.workspace))
    least = _SEVERITIES.index(query.severity)
    return AccountFindingPage(
        value=tuple(
            AccountFindingShape(
                id=one.id, account=one.account, kind=one.kind, name=one.name, finding=one.finding, severity=one.severity,
                reason=one.reason, remediation=one.remediation, since=one.since,
            )
            for one in found
            if _SEVERITIES.index(one.severity) >= least
        ),
        not_collected=gaps,
    )  # fmt: skip
