"""External facts as whole reports: what a scanner learned of a resource, and what it read in full."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.collect.facts.fact_report import LONGEST_ID, MOST_BYTES, FactReport, list_claims
from nephoscope.collect.facts.report_errors import FactError
from nephoscope.operations.declaration.schemas import Shape, Text
from nephoscope.service.external_facts import put_facts
from nephoscope.state.estate.external_facts import Receipt

SECTION = RouteSection("facts", "Reported facts")
WRITE = "Microsoft.HybridCompute/machines/write"
Id = Annotated[str, msgspec.Meta(max_length=LONGEST_ID)]


class FactReportShape(Shape, frozen=True, kw_only=True):
    """Report of facts about a resource: ARM documents, and the types read in full by the id of their parent."""

    resource: Id
    read_at: datetime
    documents: tuple[dict[str, Any], ...] = ()
    scopes: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    tenant: Text = ""


class FactReceipt(Shape, frozen=True, kw_only=True):
    """Counts of the reported claims that are new, changed, the same, or older than the stored ones."""

    new: int
    changed: int
    same: int
    outdated: int


@SECTION.route("PUT", "/facts", WRITE, scoped=None, most=MOST_BYTES)
def report_facts(ask: AdminRequest, body: FactReportShape) -> FactReceipt:
    """Keep a report; the caller needs the writing of each type at what it tells of. The next assessment judges by it."""
    report = FactReport(body.resource, body.read_at, body.documents, body.scopes, body.tenant)
    try:
        found = list_claims(report, ask.instance.now)
    except FactError as error:
        raise make_bad_request_error(f"{error.reason}.", error.place) from error
    receipts = put_facts(ask.service, found)
    return FactReceipt(
        new=receipts[Receipt.NEW],
        changed=receipts[Receipt.CHANGED],
        same=receipts[Receipt.SAME],
        outdated=receipts[Receipt.OUTDATED],
    )
