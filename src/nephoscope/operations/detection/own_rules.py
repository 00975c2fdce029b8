"""Rules of people's own: written from a query, with schedule, entities and grouping; changed and deleted."""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from nephoscope.operations.declaration.operation import (
    MissingError,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Text

if TYPE_CHECKING:
    from nephoscope.alerts.library.content_packs import StoredPiece

OPERATIONS = OperationGroup("own-rules", "Own rules", "A rule")
READ, WRITE, DELETE = (f"Microsoft.SecurityInsights/alertRules/{one}" for one in ("read", "write", "delete"))
Severity = Literal["High", "Medium", "Low", "Informational"]
Grouping = Literal["SingleAlert", "AlertPerResult"]


class OwnRule(InWorkspace, frozen=True, kw_only=True):
    """A scheduled rule of people's own."""

    name: Annotated[Text, describe("Name of its alerts.", min_length=1)]
    query: Annotated[
        str,
        describe("KQL; each row is a finding.", label="Query", block=True, min_length=1, max_length=100_000),
    ]
    description: Annotated[str, describe("Finding, and how to respond.", block=True, max_length=5000)] = ""
    severity: Annotated[Severity, describe("Severity of its alerts.", label="Severity")] = "Medium"
    frequency: Annotated[
        Text, describe("Interval between runs, such as 5m, 1h or 1d.", label="Run every")
    ] = "1h"
    period: Annotated[Text, describe("Time range that each run reads, such as 1h.", label="Look back")] = "1h"
    threshold: Annotated[
        int, describe("Alert if the query returns more rows than this.", label="Threshold", ge=0, le=10_000)
    ] = 0
    entities: Annotated[
        tuple[Text, ...],
        describe(
            "Entities of its alerts, one per line, such as Account.FullName=UserPrincipalName or IP.Address=IPAddress."
        ),
    ] = ()
    grouping: Annotated[Grouping, describe("One alert per run, or one per row.")] = "SingleAlert"
    incidents: Annotated[bool, describe("Create incidents from its alerts.", label="Create incidents")] = True
    tactics: Annotated[
        tuple[Text, ...], describe("ATT&CK tactics, one per line, such as InitialAccess.")
    ] = ()
    techniques: Annotated[tuple[Text, ...], describe("ATT&CK techniques, one per line, such as T1078.")] = ()


def _map_grouping_names(_: OperationCall) -> Mapping[str, str]:
    return {"SingleAlert": "one alert per run", "AlertPerResult": "one alert per row"}


_CHOICES = {"grouping": _map_grouping_names}


def _propose_copy(call: OperationCall, id_: str) -> Mapping[str, object]:
    """Return the fields of a rule that is copied."""
    from nephoscope.alerts.documents.duration import format_duration
    from nephoscope.alerts.library.rule_selection import load_rules
    from nephoscope.alerts.rules.rule_files import load_shipped_rules
    from nephoscope.state.workspaces.workspace import DEFAULT

    rules = (*load_rules(call.service.data, call.state, DEFAULT).rules, *load_shipped_rules().rules)
    found = next((one for one in rules if one.id == id_.lower()), None)
    if found is None:
        raise MissingError(f"A rule {id_[:100]}")
    return {
        "name": f"{found.name} (copy)", "query": found.query, "description": found.description,
        "severity": found.severity.value, "frequency": format_duration(found.frequency),
        "period": format_duration(found.period), "threshold": found.threshold, "tactics": found.tactics,
        "entities": [
            f"{each.kind}.{key}={column}" for each in found.mappings if each.kind for key, column in each.fields
        ],
        "grouping": "AlertPerResult" if found.one_alert_a_row else "SingleAlert", "incidents": found.incidents.create,
        "techniques": found.techniques,
    }  # fmt: skip


@OPERATIONS.operation(
    READ,
    page=SectionList(
        "Own rules", "Detection", "rule", "Detection rules that you wrote, from a query or as a copy of another rule.",
        key="id", name="name", guide="detection.md", facets=("severity",), opens=("/rules/{}", "Alerts, results and replay"),
        columns=(
            PageColumn("name", "Rule"), PageColumn("severity", "Severity"), PageColumn("frequency", "Runs every", optional=True),
            PageColumn("tactics", "Tactics", optional=True), PageColumn("status", "Status", optional=True),
        ),
    ),
)  # fmt: skip
def list_rules(call: OperationCall, query: InWorkspace) -> list[Row]:
    """List the rules of people's own."""
    from nephoscope.alerts.library.active_rules import apply_switches
    from nephoscope.alerts.library.own_rules import OwnRules
    from nephoscope.alerts.rules.rule_files import RuleFolder

    switched = call.state.rule_switches.load_switches(call.workspace(query.workspace))
    pack = OwnRules(call.state, call.service.data).pack
    if pack is None:
        return []
    enabled = {one.id for one in apply_switches(RuleFolder((), ()), [pack], switched).rules if one.enabled}
    return [
        {**_read_fields(one.document), "id": one.id, "status": _describe_status(one, enabled)}
        for one in pack.pieces
    ]


def _describe_status(piece: StoredPiece, enabled: Container[str]) -> str:
    """Return `disabled` for a rule that could run in the workspace but is not enabled there, else what keeps it from running."""
    from nephoscope.alerts.library.content_status import RuleAvailability

    runs = piece.standing == RuleAvailability.RUNS
    return "disabled" if runs and piece.id not in enabled else piece.standing


@OPERATIONS.operation(
    WRITE, needs_lake=True, page=OperationForm("Create a rule", like=_propose_copy, choices=_CHOICES)
)
def create_rule(call: OperationCall, body: OwnRule) -> None:
    """Create a scheduled rule from a query. It is enabled at once; its page replays it over past logs."""
    _put_rule(call, str(uuid.uuid4()), body)


@OPERATIONS.operation(
    WRITE, needs_lake=True, page=OperationForm("Edit the rule", fills=True, choices=_CHOICES)
)
def change_rule(call: OperationCall, id: Text, body: OwnRule) -> None:  # noqa: A002 - the key of a row
    """Replace a rule of your own; the next run uses it."""
    _put_rule(call, _require_rule(call, id), body)


@OPERATIONS.operation(DELETE, page=OperationForm("Delete", closes=True, danger=True))
def delete_rule(call: OperationCall, id: Text, query: InWorkspace) -> None:  # noqa: A002 - the key of a row
    """Delete a rule of your own; its alerts are preserved."""
    from nephoscope.service.own_rules import delete_own_rule

    delete_own_rule(call.service, call.workspace(query.workspace), _require_rule(call, id))


def _require_rule(call: OperationCall, id_: str) -> str:
    from nephoscope.alerts.library.own_rules import OwnRules

    if id_ not in {one.id for one in OwnRules(call.state, call.service.data).pieces}:
        raise MissingError(f"A rule {id_[:100]}")
    return id_


def _put_rule(call: OperationCall, id_: str, body: OwnRule) -> None:
    from nephoscope.service.own_rules import UnusableRuleError, put_own_rule

    own, document = call.workspace(body.workspace), _make_document(id_, body)
    try:
        put_own_rule(call.service, call.lake, own, id_, body.name, document)
    except UnusableRuleError as error:
        field = next((one for word, one in _PLACES.items() if word in str(error)), "query")
        raise RefusedRequestError(str(error), field) from error


#: Words of what is wrong with a rule -> the field that has it.
_PLACES = {
    "queryFrequency": "frequency", "queryPeriod": "period", "entityMappings": "entities", "entity": "entities", "tactic": "tactics",
    "technique": "techniques",
}  # fmt: skip


def _make_document(id_: str, body: OwnRule) -> dict[str, object]:
    return {
        "id": id_, "kind": "Scheduled", "displayName": body.name, "description": body.description, "severity": body.severity,
        "query": body.query, "queryFrequency": body.frequency, "queryPeriod": body.period, "triggerOperator": "GreaterThan",
        "triggerThreshold": body.threshold, "enabled": True, "tactics": list(body.tactics), "techniques": list(body.techniques),
        "entityMappings": list(_map_entities(body.entities)) or None, "incidentConfiguration": {"createIncident": body.incidents},
        "eventGroupingSettings": {"aggregationKind": body.grouping}, "suppressionEnabled": False, "suppressionDuration": "PT5H",
    }  # fmt: skip


def _map_entities(lines: tuple[str, ...]) -> Iterator[dict[str, object]]:
    """The mappings of lines such as Account.FullName=UserPrincipalName; lines of one kind below each other are one entity."""
    fields: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        kind, dot, rest = line.partition(".")
        key, equals, column = rest.partition("=")
        if not (dot and equals and key.strip() and column.strip()):
            raise RefusedRequestError(
                f"entities must be lines such as IP.Address=IPAddress (got {line})", "entities"
            )
        fields.setdefault(kind.strip(), []).append({"identifier": key.strip(), "columnName": column.strip()})
    for kind, several in fields.items():
        yield {"entityType": kind, "fieldMappings": several}


class _Mapping(msgspec.Struct, rename="camel"):
    entity_type: str = ""
    field_mappings: list[dict[str, str]] = []


class _Grouping(msgspec.Struct, rename="camel"):
    aggregation_kind: str = "SingleAlert"


class _Incidents(msgspec.Struct, rename="camel"):
    create_incident: bool = True


class _Document(msgspec.Struct, rename="camel"):
    """A rule as it is kept, as far as the form shows it."""

    display_name: str = ""
    name: str = ""
    query: str = ""
    description: str | None = ""
    severity: str = "Medium"
    query_frequency: str = ""
    query_period: str = ""
    trigger_threshold: int = 0
    tactics: list[str] | None = None
    techniques: list[str] | None = None
    entity_mappings: list[_Mapping] | None = None
    event_grouping_settings: _Grouping | None = None
    incident_configuration: _Incidents | None = None


def _read_fields(document: Mapping[str, object]) -> dict[str, object]:
    """The fields of the form from a rule as it is kept."""
    one = msgspec.convert(document, _Document)
    return {
        "name": one.display_name or one.name, "severity": one.severity, "frequency": one.query_frequency,
        "period": one.query_period, "threshold": one.trigger_threshold, "tactics": one.tactics or [],
        "techniques": one.techniques or [], "description": one.description or "", "query": one.query,
        "entities": [
            f"{each.entity_type}.{field.get('identifier', '')}={field.get('columnName', '')}"
            for each in one.entity_mappings or () for field in each.field_mappings
        ],
        "grouping": (one.event_grouping_settings or _Grouping()).aggregation_kind,
        "incidents": (one.incident_configuration or _Incidents()).create_incident,
    }  # fmt: skip
