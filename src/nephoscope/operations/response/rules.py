"""Rules of response: what follows an alert or incident, as files of the data folder say."""

from __future__ import annotations

from datetime import datetime

from nephoscope.operations.declaration.operation import CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import PageColumn, SectionList
from nephoscope.operations.declaration.schemas import Shape

OPERATIONS = OperationGroup("response-rules", "Response rules", "A response rule")
READ = "Microsoft.Security/automations/read"
#: The exit code where a file is invalid.
INVALID = 3


class ResponseRule(Shape, frozen=True, kw_only=True):
    """A rule; `status` is on, off or expired."""

    order: int
    name: str
    when: tuple[str, ...]
    actions: tuple[str, ...]
    expires: datetime | None
    enabled: bool
    stop: bool
    workspaces: tuple[str, ...]
    status: str


class ResponseRuleList(Shape, frozen=True, kw_only=True):
    """Rules in the order of evaluation, and what is wrong with files."""

    value: tuple[ResponseRule, ...]
    faults: tuple[str, ...]


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "rules", columns=("order", "name", "when", "actions", "expires", "enabled"),
        nothing="no rules: create one in responses/rules of the data folder",
        notes=lambda found: found.faults, failed=lambda found: INVALID if found.faults else 0,
    ),
    page=SectionList(
        "Response rules", "Response", "response rule",
        "What happens when an alert or incident is created or changed, in order of evaluation.",
        key="name", guide="response.md", facets=("status", "when"),
        nothing="No valid response rules. Create one in `responses/rules` of the data folder.",
        columns=(
            PageColumn("name", "Rule"), PageColumn("status", "Status"), PageColumn("when", "When", optional=True),
            PageColumn("actions", "Actions", optional=True), PageColumn("order", "Order", optional=True),
            PageColumn("expires", "Expires", optional=True),
        ),
    ),
)  # fmt: skip
def rules(call: OperationCall) -> ResponseRuleList:
    """List the rules in order of evaluation. Exits 3 if a file is invalid."""
    from nephoscope.automation.config_errors import list_file_faults
    from nephoscope.automation.rule_formats.response_rules import load_response_rules

    data, now = call.service.data, call.service.now
    found = tuple(
        ResponseRule(
            order=one.order, name=one.title, when=tuple(kind.name for kind in one.kinds), expires=one.expires,
            actions=tuple(str(action["action"]) for action in one.actions), enabled=one.enabled, stop=one.stop,
            workspaces=tuple(one.workspaces),
            status="off" if not one.enabled else "expired" if one.is_expired(now) else "on",
        )
        for one in load_response_rules(data)[0]
    )  # fmt: skip
    return ResponseRuleList(value=found, faults=tuple(list_file_faults(data)))
