"""Imported packs of detection content and policies, as they are listed and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from nephoscope.operations.declaration.operation import (
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Shape, Text

if TYPE_CHECKING:
    from nephoscope.alerts.library.content_packs import RulePack

OPERATIONS = OperationGroup("packs", "Content packs", "A pack")
READ, WRITE, DELETE = (f"Microsoft.SecurityInsights/alertRules/{one}" for one in ("read", "write", "delete"))


class PackNames(Shape, frozen=True, kw_only=True):
    """Packs by their names."""

    names: Annotated[tuple[Text, ...], describe("Names of packs.", metavar="NAMES...", argument=True)]


class SwitchedNames(InWorkspace, frozen=True, kw_only=True):
    """Rules by ID or name, and packs by name."""

    names: Annotated[tuple[Text, ...], describe("Names.", metavar="NAMES...", argument=True)]


@OPERATIONS.operation(
    READ,
    page=SectionList(
        "Content packs", "Content", "pack", "Rules and policies that were imported. The page Content imports and enables them.",
        key="name", guide="content.md", facets=("holds",), names=("holds",), opens=("/content/packs/{}", "Its rules"),
        nothing="No content packs yet: import one on the page Content, or with `nephoscope content import PATH`.",
        columns=(
            PageColumn("name", "Pack"), PageColumn("holds", "Holds"), PageColumn("size", "Size"),
            PageColumn("imported", "Imported", optional=True), PageColumn("from", "From", optional=True),
        ),
    ),
)  # fmt: skip
def list_packs(call: OperationCall) -> list[Row]:
    """List the imported packs."""
    from nephoscope.alerts.library.content_packs import RulePacks
    from nephoscope.posture.policies.policy_packs import Packs

    data = call.service.data
    rules: list[Row] = [
        {"name": one.name, "holds": "rules", "size": len(one.pieces), "imported": one.imported, "from": one.origin}
        for one in RulePacks(data).all()
    ]  # fmt: skip
    policies = Packs(data).list_imported_content()
    return rules + [
        {"name": one.name, "holds": "policies", "size": one.size, "imported": None, "from": one.source}
        for one in policies
    ]


@OPERATIONS.operation(WRITE, command=CommandLine("enable"))
def enable_rules(call: OperationCall, body: SwitchedNames) -> None:
    """Enable rules by ID or name, or all rules of a pack by its name."""
    _switch_content(call, body, enabled=True)


@OPERATIONS.operation(WRITE, command=CommandLine("disable"))
def disable_rules(call: OperationCall, body: SwitchedNames) -> None:
    """Disable rules by ID or name, or all rules of a pack by its name. Shipped rules can be disabled too."""
    _switch_content(call, body, enabled=False)


def _switch_content(call: OperationCall, asked: SwitchedNames, *, enabled: bool) -> None:
    """Switch rules and packs; what is of no name or of several is refused, and nothing is switched then."""
    from nephoscope.alerts.library.content_packs import PackError
    from nephoscope.alerts.library.content_selection import choose_switches
    from nephoscope.service.rules import switch_rules

    with translate_errors("names", PackError):
        chosen = choose_switches(call.service.data, asked.names)
    switch_rules(call.service, call.workspace(asked.workspace), chosen, enabled=enabled)
    call.tell(
        f"{'enabled' if enabled else 'disabled'}: {', '.join(name for several in chosen.values() for name in several)}"
    )


@OPERATIONS.operation(
    DELETE, needs_lake=True,
    command=CommandLine(
        "remove",
        notes=lambda removed: (f"{name}: removed, {count:,} {'piece' if count == 1 else 'pieces'}" for name, count in removed),
    ),
)  # fmt: skip
def remove_all_packs(call: OperationCall, body: PackNames) -> list[tuple[str, int]]:
    """Delete imported packs of rules, with their functions. Watchlists are preserved."""
    # all are read first: where one is missing, none is deleted
    found = [_require_pack(call, name) for name in dict.fromkeys(body.names)]
    return [_remove_pack(call, pack) for pack in found]


@OPERATIONS.operation(
    DELETE, needs_lake=True,
    page=OperationForm("Remove", closes=True, danger=True, in_rows=True, when=lambda row: row["holds"] == "rules"),
)  # fmt: skip
def remove_pack(call: OperationCall, name: Text) -> None:
    """Remove a pack of rules with its functions and switches. Its watchlists and alerts are preserved."""
    _remove_pack(call, _require_pack(call, name))


def _require_pack(call: OperationCall, name: str) -> RulePack:
    from nephoscope.alerts.library.content_packs import PackError, RulePacks

    try:
        return RulePacks(call.service.data).read(name)
    except PackError as error:
        raise RefusedRequestError(str(error), "names") from error


def _remove_pack(call: OperationCall, pack: RulePack) -> tuple[str, int]:
    from nephoscope.service.content import remove_pack

    remove_pack(call.service, call.lake, pack)
    return pack.name, len(pack.pieces)
