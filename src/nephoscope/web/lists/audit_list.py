"""The list of audit entries, which the database narrows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nephoscope.model.resource_names import shorten_name
from nephoscope.state.audit.audit import AuditEntry
from nephoscope.state.audit.audit_filter import AuditFilter
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import (
    ListCell,
    build_number_cell,
    build_state_cell,
    build_text_cell,
    build_time_cell,
)
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.query_facets import Chosen, QueryFacet


def shorten_operation(operation: str) -> str:
    """Return an operation without its provider, which most of them share: `Microsoft.Security/assessments/write`."""
    provider, _, rest = operation.partition("/")
    return rest if (rest and "." in provider) or provider == "Nephoscope" else operation


FACETS = (
    QueryFacet("outcome", "Outcome"),
    QueryFacet("author", "User"),
    QueryFacet("operation", "Operation", shorten_operation),
)
#: Parts of what follows the provider in the id of a resource; that of a child has more.
_CHILD = 3
_TONES = {"Denied": "error", "Failed": "error"}


def build_audit_filter(text: str, order: str, chosen: Chosen) -> AuditFilter:
    """Return what the chosen values and the text ask for."""
    return AuditFilter(
        chosen["author"], chosen["operation"], chosen["outcome"], text.strip(), oldest_first=order == "time"
    )


def build_audit_list(names: Mapping[str, str]) -> RowList[AuditEntry]:
    """Describe the list, the newest entry first; `names` are those of ids, in lower case, that targets have."""

    def build_target_cell(one: AuditEntry) -> ListCell:
        return build_text_cell(name_target(one.target, names), whole=one.target)

    return RowList(
        "audit", "entry",
        (
            ListColumn("number", "#", lambda one: build_number_cell(one.number), sorted=False, optional=True, width="count"),
            ListColumn("time", "Time", lambda one: build_time_cell(one.moment), largest=True, width="time"),
            build_text_column("author", "User", lambda one: one.author, sorted=False),
            ListColumn("operation", "Operation", _build_operation_cell, main=True, sorted=False, width="title"),
            ListColumn("target", "Resource", build_target_cell, optional=True, sorted=False),
            ListColumn("outcome", "Outcome", _build_outcome_cell, sorted=False, width="state"),
            build_text_column("address", "Address", lambda one: one.address, sorted=False, shown=False),
        ),
        lambda one: str(one.number), several="entries", order="-time", hint="User, operation or resource",
        about_of=_format_details,
    )  # fmt: skip


def name_target(target: str, names: Mapping[str, str]) -> str:
    """Name what an entry is about: an id by its name, and what extends a resource by the name of the resource."""
    resource, _, extension = target.rpartition("/providers/")
    if extension and "/providers/" in resource:
        return shorten_name(resource)
    if resource and len(extension.split("/")) > _CHILD:
        *_, parent, _, child = target.split("/")
        return f"{parent}/{child}"
    name = shorten_name(target)
    return names.get(name.lower(), name)


def _build_operation_cell(one: AuditEntry) -> ListCell:
    return build_text_cell(shorten_operation(one.operation), whole=one.operation)


def _build_outcome_cell(one: AuditEntry) -> ListCell:
    return build_state_cell(one.outcome, _TONES.get(one.outcome, ""))


def _format_details(one: AuditEntry) -> str:
    """Say what an entry tells beside its columns, a value that has parts as JSON."""
    return "; ".join(
        f"{name}: {value if isinstance(value, str) else msgspec.json.encode(value).decode()}"
        for name, value in one.detail.items()
    )
