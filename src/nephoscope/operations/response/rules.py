"""Rules of response: what follows an alert or incident; listed, written, tried on past events, and deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from nephoscope.operations.declaration.operation import (
    CommandLine,
    MissingError,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.operation_page import (
    OperationForm,
    PageColumn,
    Row,
    RowTable,
    SectionList,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape, Text

if TYPE_CHECKING:
    from nephoscope.automation.rule_formats.response_rules import ResponseRuleFile

OPERATIONS = OperationGroup("response-rules", "Response rules", "A response rule")
READ, WRITE, DELETE = (f"Microsoft.Security/automations/{one}" for one in ("read", "write", "delete"))
INCIDENTS = "Microsoft.SecurityInsights/incidents/read"
#: The exit code where a file is invalid.
INVALID = 3
_WITHOUT_RISKS = "not listed: your roles do not include risks of identities and their logs"
#: Days of past alerts and incidents that a rule is tried on.
TRIED_DAYS = 30
RuleEvent = Literal[
    "incident.created", "incident.updated", "alert.created", "alert.updated", "riskyIdentity.changed", "riskDetection.created"
]  # fmt: skip
_EVENTS = {
    "incident.created": "an incident is created", "incident.updated": "an incident is changed",
    "alert.created": "an alert is created", "alert.updated": "an alert is changed",
    "riskyIdentity.changed": "the risk of an identity changes", "riskDetection.created": "a sign-in is risky",
}  # fmt: skip
_SEVERITIES = {"": "unchanged", **{one: one for one in ("High", "Medium", "Low", "Informational")}}
_CLOSED_AS = {
    "": "leave it open", "TruePositive": "True positive", "BenignPositive": "Benign positive", "FalsePositive": "False positive",
    "Undetermined": "Undetermined",
}  # fmt: skip


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


class ResponseRuleBody(Shape, frozen=True, kw_only=True):
    """A rule as its form has it: a field for each usual action, and YAML for others."""

    name: Annotated[Text, describe("Unique name.", min_length=1)]
    when: Annotated[
        tuple[RuleEvent, ...], describe("Events that trigger the rule.", label="Run when", group="Trigger")
    ] = ("incident.created",)
    conditions: Annotated[
        tuple[Text, ...],
        describe(
            "All must hold, one per line, such as `severity in High, Medium` or `entity.ip.address inRange 185.220.0.0/16`."
        ),
    ] = ()
    owner: Annotated[
        Text, describe("Owner of the incident.", label="Assign to", group="Change the incident")
    ] = ""
    incident_severity: Annotated[
        Literal["", "High", "Medium", "Low", "Informational"],
        describe("Severity of the incident.", label="Set severity"),
    ] = ""
    tags: Annotated[tuple[Text, ...], describe("Tags to add, one per line.")] = ()
    tasks: Annotated[tuple[Text, ...], describe("Tasks to add, one per line.")] = ()
    comment: Annotated[Text, describe("Comment to add.")] = ""
    close: Annotated[
        Literal["", "TruePositive", "BenignPositive", "FalsePositive", "Undetermined"],
        describe("Classification; closes the incident.", label="Close as"),
    ] = ""
    webhook: Annotated[Text, describe("HTTPS address to post the event to.", group="Notify")] = ""
    webhook_secret: Annotated[Text, describe("Secret that signs the request.")] = ""
    mail: Annotated[tuple[Text, ...], describe("Addresses to send an email to, one per line.")] = ()
    others: Annotated[
        str,
        describe(
            "Other actions as a YAML list, such as `- {action: command, name: isolate}`.",
            label="Other actions", block=True, max_length=20_000,
        ),
    ] = ""  # fmt: skip
    workspaces: Annotated[
        tuple[Text, ...], describe("Workspaces, one per line; leave empty for all.", group="Options")
    ] = ()
    order: Annotated[int, describe("Rules run in ascending order.", ge=0, le=100_000)] = 100
    stop: Annotated[bool, describe("Skip later rules if this one matches.", label="Stop here")] = False
    enabled: Annotated[bool, describe("Run the rule on new events.")] = True
    expires: Annotated[datetime, describe("Expiry of the rule (UTC).")] | None = None


def _map_event_names(_: OperationCall) -> Mapping[str, str]:
    return _EVENTS


def _map_severity_names(_: OperationCall) -> Mapping[str, str]:
    return _SEVERITIES


def _map_classification_names(_: OperationCall) -> Mapping[str, str]:
    return _CLOSED_AS


def _map_secret_names(call: OperationCall) -> Mapping[str, str]:
    names = (
        one.removeprefix("response.") for one in call.state.credentials.names() if one.startswith("response.")
    )
    return {"": "none", **{one: one for one in sorted(names)}}


_CHOICES = {
    "when": _map_event_names, "incident_severity": _map_severity_names, "close": _map_classification_names,
    "webhook_secret": _map_secret_names,
}  # fmt: skip


def _read_fields(call: OperationCall, name: str) -> Row:
    """Return the fields of a rule as it is."""
    from nephoscope.service.response_rule_fields import list_fields

    file = _require_file(call, name)
    plain = {
        one: getattr(file, one)
        for one in ("name", "when", "workspaces", "order", "stop", "enabled", "expires")
    }
    return {**plain, **dict(list_fields(file))}


def _list_rows(answer: ResponseRuleList) -> list[Row]:
    return [
        {
            "name": one.name, "status": one.status, "when": one.when, "actions": one.actions, "order": one.order,
            "expires": one.expires, "stop": one.stop, "workspaces": one.workspaces, "enabled": one.enabled,
        }
        for one in answer.value
    ]  # fmt: skip


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
        key="name", guide="response.md", facets=("status", "when"), names=("when",), rows=_list_rows,
        columns=(
            PageColumn("name", "Rule"), PageColumn("status", "Status"), PageColumn("when", "When", optional=True),
            PageColumn("actions", "Actions", optional=True), PageColumn("order", "Order", optional=True),
            PageColumn("expires", "Expires", optional=True),
        ),
    ),
)  # fmt: skip
def list_rules(call: OperationCall) -> ResponseRuleList:
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


@OPERATIONS.operation(INCIDENTS, page=RowTable(f"Matches in the last {TRIED_DAYS} days"))
def list_matches(call: OperationCall, name: Text) -> list[Row]:
    """List the alerts and incidents of the last days that the rule would have acted on, whether or not it is enabled."""
    from nephoscope.service.response_rules import list_rule_matches

    rule = _require_file(call, name).to_rule()
    matches = list_rule_matches(call.service, rule, call.service.now - timedelta(days=TRIED_DAYS))
    left_out = {
        "Event": "risks",
        "Title": _WITHOUT_RISKS,
        "Severity": "",
        "Last activity": "",
        "Workspace": "",
    }
    return [
        {
            "Event": f"{one.kind} {one.id}", "Title": one.title, "Severity": one.severity, "Last activity": one.moment,
            "Workspace": one.workspace,
        }
        for one in matches.found
    ] + ([left_out] if matches.without_risks else [])  # fmt: skip


@OPERATIONS.operation(WRITE, page=OperationForm("Create a response rule", choices=_CHOICES, made=str))
def create_rule(call: OperationCall, body: ResponseRuleBody) -> str:
    """Create a response rule. Its page lists which past alerts and incidents it matches; create it disabled to see them first."""
    _put_rule(call, body)
    return body.name


@OPERATIONS.operation(WRITE, page=OperationForm("Edit the rule", like=_read_fields, choices=_CHOICES))
def change_rule(call: OperationCall, name: Text, body: ResponseRuleBody) -> None:
    """Replace the rule; the next event uses it. Comments in its file are not preserved."""
    _put_rule(call, body, name)


@OPERATIONS.operation(WRITE, page=OperationForm("Enable", in_rows=True, when=lambda row: not row["enabled"]))
def enable_rule(call: OperationCall, name: Text) -> None:
    """Enable the rule."""
    _switch_rule(call, name, enabled=True)


@OPERATIONS.operation(
    WRITE, page=OperationForm("Disable", in_rows=True, when=lambda row: bool(row["enabled"]))
)
def disable_rule(call: OperationCall, name: Text) -> None:
    """Disable the rule; runs that have started continue."""
    _switch_rule(call, name, enabled=False)


@OPERATIONS.operation(DELETE, page=OperationForm("Delete", closes=True, danger=True))
def delete_rule(call: OperationCall, name: Text) -> None:
    """Delete the rule and its file; runs that have started continue."""
    from nephoscope.service.response_rules import remove_response_rule

    remove_response_rule(call.service, name)


def _require_file(call: OperationCall, name: str) -> ResponseRuleFile:
    from nephoscope.automation.rule_formats.response_rule_files import find_rule_file

    found = find_rule_file(call.service.data, name)
    if found is None:
        raise MissingError(f"A response rule {name[:100]}")
    return found[1]


def _switch_rule(call: OperationCall, name: str, *, enabled: bool) -> None:
    from nephoscope.service.response_rules import enable_response_rule

    with _list_refusals():
        enable_response_rule(call.service, name, enabled=enabled)


def _put_rule(call: OperationCall, body: ResponseRuleBody, before: str = "") -> None:
    from nephoscope.service.response_rule_fields import read_actions, read_condition
    from nephoscope.service.response_rules import put_response_rule

    if not body.when:
        raise RefusedRequestError("Run when: select at least one event", "when")
    given = {name: getattr(body, name) for name in body.__struct_fields__}
    with _list_refusals():
        document = {
            "name": body.name, "when": list(body.when), "conditions": [read_condition(one) for one in body.conditions],
            "actions": read_actions(given, body.others), "workspaces": list(body.workspaces), "order": body.order,
            "stop": body.stop, "enabled": body.enabled, "expires": body.expires,
        }  # fmt: skip
        put_response_rule(call.service, document, before)


#: Words of what is wrong with a rule -> the field that has it.
_PLACES = {
    "conditions": "conditions", "property": "conditions", "webhook": "webhook", "url": "webhook", "mail": "mail",
    "$.when": "when", "name is already": "name", "actions": "others",
}  # fmt: skip


@contextmanager
def _list_refusals() -> Iterator[None]:
    """Raise RefusedRequestError with the field that is wrong."""
    from nephoscope.automation.rule import AutomationError
    from nephoscope.automation.rule_formats.response_rules import ResponseRuleError
    from nephoscope.service.response_rule_fields import FieldValueError
    from nephoscope.state import NotFoundError, StateError
    from nephoscope.state.database.state_errors import TransientError

    try:
        yield
    except (NotFoundError, TransientError):
        raise
    except FieldValueError as error:
        raise RefusedRequestError(str(error), error.field) from error
    except (ResponseRuleError, AutomationError, StateError) as error:
        message = error.reason if isinstance(error, ResponseRuleError | AutomationError) else str(error)
        where = f"{getattr(error, 'path', '')} {message}"
        field = next((one for word, one in _PLACES.items() if word in where), "")
        raise RefusedRequestError(message, field) from error
