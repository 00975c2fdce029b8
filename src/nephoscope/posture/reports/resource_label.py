"""Labels that tell resources apart: their ids, with their tenants where a report holds several.

Ids outside subscriptions (a management group "platform", a role, the root scope) may be there in each tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.model.tenant_name import describe_tenant
from nephoscope_policy.model.resource_id import with_tenant

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import FindingChange
    from nephoscope.posture.recommendations.report_row import ReportRow
    from nephoscope.posture.reports.report_interface import ReportView

#: Stands for some tenant.
_ANY = "-"


def label_resource(report: ReportView, row: ReportRow) -> str:
    """Return the id of a row's resource, with its tenant where another of the report may have the same."""
    return row.assessment.resource + _format_tenant_suffix(report, row.id.key, row.tenant)


def label_name(report: ReportView, row: ReportRow) -> str:
    """Return the name of a row's resource, with its tenant where another of the report may have the same."""
    return row.name + _format_tenant_suffix(report, row.id.key, row.tenant)


def label_change(report: ReportView, change: FindingChange) -> str:
    """Return the id of a resource that changed, with its tenant where another of the report may have the same."""
    return change.id + _format_tenant_suffix(report, change.id, change.tenant)


def is_ambiguous(report: ReportView, key: str, tenant: str) -> bool:
    """Tell whether another tenant of the report may have the lower-cased id of a resource, too."""
    tenants = {one.tenant for one in report.coverages} | {tenant}
    return len(tenants) > 1 and with_tenant(key, _ANY) != key


def _format_tenant_suffix(report: ReportView, key: str, tenant: str) -> str:
    return f" (tenant {describe_tenant(tenant)})" if is_ambiguous(report, key, tenant) else ""
