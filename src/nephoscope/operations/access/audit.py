"""The audit: who did what, and whether nobody changed it since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
)
from nephoscope.operations.declaration.operation_page import Row
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import AnyJson, Shape, to_shape

OPERATIONS = OperationGroup("audit", "Audit", "An entry")
READ = "Nephoscope/audit/read"
#: The exit code of the command where the chain is broken.
BROKEN = 3


class EntryShape(Shape, frozen=True, kw_only=True):
    """An entry; `hash` chains it to the one before."""

    number: int
    moment: datetime
    author: str
    operation: str
    target: str
    outcome: str
    address: str
    detail: dict[str, AnyJson]
    hash: str


class EntryList(Shape, frozen=True, kw_only=True):
    """Entries, newest first; `next` is the `before` of the page behind (0 = this is the last)."""

    value: tuple[EntryShape, ...]
    next: int = 0


class AuditQuery(Shape, frozen=True, kw_only=True):
    """The entries to return."""

    before: (
        Annotated[int, msgspec.Meta(ge=1, le=2**53, description="Return only entries with smaller numbers.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    top: Annotated[int, msgspec.Meta(ge=1, le=1000, description="Maximum number of entries.")] = 100


class Verification(Shape, frozen=True, kw_only=True):
    """The state of the chain of entries; `broken` is the first that does not, or is gone.

    `last` is the newest hash, to keep elsewhere. Where it is not `anchored`, entries taken off the end cannot be told.
    """

    whole: bool
    entries: int
    last: str
    broken: int | None
    anchored: bool


@OPERATIONS.operation(READ, ApiRoute("GET", "/audit"))
def list_audit_entries(call: OperationCall, query: AuditQuery) -> EntryList:
    """List the newest entries, or those before a number."""
    before = None if query.before is msgspec.UNSET else query.before
    found = call.state.audit.entries(before=before, most=query.top)
    shown = tuple(to_shape(EntryShape, one) for one in found)
    return EntryList(value=shown, next=found[-1].number if found and found[-1].number > 1 else 0)


class NewestEntries(Shape, frozen=True, kw_only=True):
    """The bound of the shown entries."""

    most: Annotated[int, describe("Maximum number of entries.", ge=1, le=100_000)] = 50


class CheckedEntries(Shape, frozen=True, kw_only=True):
    """The newest entries with the state of the chain, as of Verification."""

    value: tuple[EntryShape, ...]
    broken: int | None
    anchored: bool


def _describe_chain(found: CheckedEntries) -> Iterator[str]:
    if not found.anchored:
        yield "the audit has no anchor (keys/audit.anchor): entries deleted from its end cannot be detected"
    if found.broken is not None:
        yield (
            f"the audit was changed: entry {found.broken} is missing, or does not match the entry before it"
        )


def _list_rows(found: CheckedEntries) -> list[Row]:
    shown = ("number", "moment", "author", "operation", "target", "outcome", "address", "detail")
    return [{name: getattr(one, name) for name in shown} for one in found.value]


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "audit", columns=("number", "moment", "author", "operation", "target", "outcome"), rows=_list_rows,
        notes=_describe_chain, failed=lambda found: 0 if found.broken is None else BROKEN,
    ),
)  # fmt: skip
def check_audit_entries(call: OperationCall, query: NewestEntries) -> CheckedEntries:
    """Show the audit log, newest first; exits 3 if the chain of entries is broken."""
    audit = call.state.audit
    shown = tuple(to_shape(EntryShape, one) for one in audit.entries(most=query.most))
    return CheckedEntries(value=shown, broken=audit.find_broken_entry(), anchored=audit.is_anchored())


@OPERATIONS.operation(READ, ApiRoute("GET", "/audit/verification"))
def verify_audit_entries(call: OperationCall) -> Verification:
    """Verify the chain of hashes."""
    broken = call.state.audit.find_broken_entry()
    last = call.state.audit.entries(most=1)
    return Verification(
        whole=broken is None,
        entries=last[0].number if last else 0,
        last=last[0].hash if last else "",
        broken=broken,
        anchored=call.state.audit.is_anchored(),
    )
