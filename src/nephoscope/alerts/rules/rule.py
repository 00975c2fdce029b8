"""An analytic rule in Sentinel's format, as it is.

Source: https://learn.microsoft.com/azure/sentinel/sentinel-analytic-rules-creation (fields, limits and defaults).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from nephoscope.alerts.documents.duration import format_duration
from nephoscope.alerts.documents.fields import DocumentFields
from nephoscope.alerts.rules.tactics import normalize_tactics
from nephoscope.alerts.suppression.rule_suppression import RuleTuning
from nephoscope.model.identifiers import IDENTIFIERS
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

LONGEST_PERIOD = timedelta(days=14)
SHORTEST = timedelta(minutes=5)
#: What a rule is run by that says nothing of it: a hunting query.
DAILY = timedelta(days=1)
NRT = timedelta(minutes=1)
LONG, HOURLY = timedelta(days=2), timedelta(hours=1)
"""A rule that looks back so far, or further, is run so often at most, as in Sentinel."""
LONGEST_SUPPRESSION = timedelta(hours=24)
LONGEST_LOOKBACK = timedelta(days=7)
HIGHEST_THRESHOLD = 10_000
OPERATORS = {
    "gt": "GreaterThan", "greaterthan": "GreaterThan", "lt": "LessThan", "lessthan": "LessThan",
    "eq": "Equal", "equal": "Equal", "ne": "NotEqual", "notequal": "NotEqual",
}  # fmt: skip


#: What alertDynamicProperties may put in the place of columns.
#: Source: https://learn.microsoft.com/rest/api/securityinsights/alert-rules/create-or-update (AlertProperty)
PROPERTIES = (
    "AlertLink", "ConfidenceLevel", "ConfidenceScore", "ExtendedLinks", "ProductComponentName", "ProductName", "ProviderName",
    "RemediationSteps", "SubTechniques", "Techniques",
)  # fmt: skip


#: What alerts of one incident may have in common beside their entities and custom details.
ALERT_DETAILS = ("displayname", "severity")


class AnalyticRuleError(ValueError):
    """A rule that cannot be used: every reason with its place in the file."""

    def __init__(self, place: Place, reasons: tuple[str, ...]) -> None:
        super().__init__(f"{place.file}: {'; '.join(reasons)}")
        self.place, self.reasons = place, reasons


class RuleKind(StrEnum):
    """Kind of a rule: scheduled, near real time (every minute), or hunting (on request only)."""

    SCHEDULED = "Scheduled"
    NRT = "NRT"
    HUNTING = "Hunting"


class MatchingMethod(StrEnum):
    """Method by which alerts of a rule are grouped into one incident."""

    ALL_ENTITIES = "AllEntities"
    ANY_ALERT = "AnyAlert"
    SELECTED = "Selected"


#: With the words of older rules.
_MATCHING = {
    **{one.value.lower(): one for one in MatchingMethod},
    "all": MatchingMethod.ALL_ENTITIES,
    "custom": MatchingMethod.SELECTED,
    "none": MatchingMethod.ANY_ALERT,
}


@dataclass(frozen=True, slots=True)
class EntityMapping:
    """Mapping of columns to the identifiers of an entity, as (identifier, column).

    A mapping of no kind ('') names a column that holds entities as in SecurityAlert.
    """

    kind: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AlertOverride:
    """Alert details taken from rows: texts with {{Column}}, and columns for severity, tactics and properties."""

    name: str = ""
    description: str = ""
    severity: str = ""
    tactics: str = ""
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentConfiguration:
    """Incident settings of a rule: whether its alerts create incidents, and how they are grouped within `lookback`."""

    create: bool = True
    grouped: bool = False
    reopen: bool = False
    lookback: timedelta = timedelta(hours=5)
    matching: MatchingMethod = MatchingMethod.ALL_ENTITIES
    entities: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    custom_details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnalyticRule:
    """A rule that can be run: `frequency` and `period` as Sentinel means them, `threshold` compared by `operator` with the rows.

    `learning` (learningPeriod, our own): how far back its logs must reach before what is below high is raised.
    """

    id: str
    name: str
    query: str = field(repr=False)
    kind: RuleKind = RuleKind.SCHEDULED
    description: str = ""
    severity: Severity = Severity.MEDIUM
    frequency: timedelta = DAILY
    period: timedelta = DAILY
    operator: str = "gt"
    threshold: int = 0
    suppression: timedelta | None = None
    learning: timedelta | None = None
    tactics: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    mappings: tuple[EntityMapping, ...] = ()
    custom_details: tuple[tuple[str, str], ...] = ()
    override: AlertOverride = AlertOverride()
    incidents: IncidentConfiguration = IncidentConfiguration()
    one_alert_a_row: bool = False
    version: str = ""
    enabled: bool = True
    tables: tuple[str, ...] = ()
    remediation: str = ""
    tuning: RuleTuning = field(default=RuleTuning())
    place: Place = field(default=Place(""), compare=False, repr=False)

    @classmethod
    def parse(cls, document: object, place: Place) -> AnalyticRule:
        """The rule of a parsed YAML or JSON document; AnalyticRuleError lists everything that is wrong with it."""
        fields = DocumentFields(document)
        found = _read_rule(fields, place)
        if fields.wrong:
            raise AnalyticRuleError(place, tuple(fields.wrong))
        return found

    def triggers_at(self, count: int) -> bool:
        """Return whether so many rows are what the trigger asks for."""
        return {
            "gt": count > self.threshold,
            "lt": count < self.threshold,
            "eq": count == self.threshold,
            "ne": count != self.threshold,
        }[self.operator]


def _read_rule(fields: DocumentFields, place: Place) -> AnalyticRule:
    kind = _read_rule_kind(fields)
    frequency, period = _read_schedule(fields, kind)
    details = fields.get_pairs("customDetails")
    return AnalyticRule(
        id=fields.get_text("id", needed=True).lower(),
        name=_read_name(fields),
        query=fields.get_text("query", needed=True, numbers=False),
        kind=kind,
        description=fields.get_text("description").strip(" '\n"),
        severity=_read_severity(fields),
        frequency=frequency,
        period=period,
        operator=_read_operator(fields),
        threshold=fields.get_number("triggerThreshold", default=0, most=HIGHEST_THRESHOLD),
        suppression=_read_suppression(fields),
        learning=fields.get_span("learningPeriod"),
        tactics=normalize_tactics(fields.get_texts("tactics")),
        techniques=fields.get_texts("relevantTechniques") or fields.get_texts("techniques"),
        mappings=(*_read_mappings(fields), *_parse_entity_mappings(fields)),
        custom_details=details,
        override=_read_override(fields),
        incidents=_read_incidents(fields, dict(details)),
        one_alert_a_row=_is_alert_per_result(fields),
        version=fields.get_text("version"),
        enabled=fields.get_flag("enabled", default=True),
        tables=tuple(
            dict.fromkeys(
                one
                for each in fields.get_objects("requiredDataConnectors")
                for one in each.get_texts("dataTypes")
            )
        ),
        remediation=fields.get_text("remediation").strip(),
        place=place,
    )


def _read_name(fields: DocumentFields) -> str:
    found = fields.get_text("name") or fields.get_text("displayName")
    if not found.strip():
        fields.add_error("name is missing")
    return found


def _read_schedule(fields: DocumentFields, kind: RuleKind) -> tuple[timedelta, timedelta]:
    """The frequency and the period; noted is where they are none that Sentinel takes."""
    before = len(fields.wrong)
    least, most = (SHORTEST, LONGEST_PERIOD) if kind is RuleKind.SCHEDULED else (timedelta(seconds=1), None)
    frequency = fields.get_span("queryFrequency", least=least, most=most)
    period = fields.get_span("queryPeriod", least=least, most=most)
    often = frequency or (NRT if kind is RuleKind.NRT else DAILY)
    back = period or often
    if kind is RuleKind.SCHEDULED and len(fields.wrong) == before:
        _check_times(fields, often, back)
    return often, back


def _check_times(fields: DocumentFields, frequency: timedelta, period: timedelta) -> None:
    if frequency > period:
        fields.add_error(
            f"queryFrequency must not be longer than queryPeriod ({format_duration(frequency)} is longer than "
            f"{format_duration(period)}): rows between two windows would never be read"
        )
    elif period >= LONG and frequency < HOURLY:
        fields.add_error("queryFrequency must be 1h or longer where queryPeriod is 2d or longer")


def _read_suppression(fields: DocumentFields) -> timedelta | None:
    """Return how long a rule is silent after an alert, None where it is not."""
    if not fields.get_flag("suppressionEnabled", default=False):
        return None
    if not fields.has("suppressionDuration"):
        fields.add_error("suppressionDuration must be given, from 5m to 1d, where suppressionEnabled is true")
    return fields.get_span("suppressionDuration", least=SHORTEST, most=LONGEST_SUPPRESSION)


def _read_rule_kind(fields: DocumentFields) -> RuleKind:
    text = fields.get_text("kind")
    if not text:
        # as in the public rules: what has no schedule is a query to hunt with
        return RuleKind.SCHEDULED if fields.has("queryFrequency") else RuleKind.HUNTING
    known = {one.value.lower(): one for one in RuleKind}
    if text.lower() not in known:
        fields.add_error(f"kind {text!r} is not supported: use Scheduled or NRT")
    return known.get(text.lower(), RuleKind.SCHEDULED)


def _read_severity(fields: DocumentFields) -> Severity:
    text = fields.get_text("severity") or Severity.MEDIUM.value
    known = {one.value.lower(): one for one in Severity}
    if text.lower() not in known:
        fields.add_error(f"severity must be one of {', '.join(one.value for one in Severity)} (got {text!r})")
    return known.get(text.lower(), Severity.MEDIUM)


def _read_operator(fields: DocumentFields) -> str:
    text = fields.get_text("triggerOperator").lower() or "gt"
    if text not in OPERATORS:
        fields.add_error(f"triggerOperator must be one of gt, lt, eq, ne (got {text!r})")
        return "gt"
    return {"greaterthan": "gt", "lessthan": "lt", "equal": "eq", "notequal": "ne"}.get(text, text)


def _is_alert_per_result(fields: DocumentFields) -> bool:
    kind = fields.get_object("eventGroupingSettings").get_text("aggregationKind") or "SingleAlert"
    if kind not in ("SingleAlert", "AlertPerResult"):
        fields.add_error(f"aggregationKind {kind!r} is neither SingleAlert nor AlertPerResult")
    return kind == "AlertPerResult"


def _read_mappings(fields: DocumentFields) -> tuple[EntityMapping, ...]:
    known = {one.lower(): one for one in IDENTIFIERS}
    found = []
    for each in fields.get_objects("entityMappings"):
        kind = each.get_text("entityType", needed=True)
        if kind.lower() not in known:
            if kind.strip():
                each.add_error(f"entityType must be one of {', '.join(known.values())} (got {kind!r})")
            continue
        kind, before = known[kind.lower()], len(each.wrong)
        pairs = tuple(_read_identifier_mapping(kind, one) for one in each.get_objects("fieldMappings"))
        if not pairs and len(each.wrong) == before:
            each.add_error("fieldMappings is missing: each needs an identifier and its column")
        found.append(EntityMapping(kind, pairs))
    return tuple(found)


def _read_identifier_mapping(kind: str, fields: DocumentFields) -> tuple[str, str]:
    """An identifier of a kind and the column that holds it."""
    name, known = fields.get_text("identifier", needed=True), IDENTIFIERS[kind]
    if name and name.lower() not in known:
        fields.add_error(f"identifier {name!r} of {kind} is not one of {', '.join(known.values())}")
    return known.get(name.lower(), name), fields.get_text("columnName", needed=True, numbers=False)


def _parse_entity_mappings(fields: DocumentFields) -> tuple[EntityMapping, ...]:
    """The columns that hold whole entities."""
    several = fields.get_objects("sentinelEntitiesMappings")
    return tuple(EntityMapping("", (("", one.get_text("columnName", needed=True)),)) for one in several)


def _read_override(fields: DocumentFields) -> AlertOverride:
    given = fields.get_object("alertDetailsOverride")
    properties = tuple(map(_read_property, given.get_objects("alertDynamicProperties")))
    return AlertOverride(
        given.get_text("alertDisplayNameFormat"),
        given.get_text("alertDescriptionFormat"),
        given.get_text("alertSeverityColumnName"),
        given.get_text("alertTacticsColumnName"),
        properties,
    )


def _read_property(fields: DocumentFields) -> tuple[str, str]:
    """A column of the alert that a column of the row replaces, and that one."""
    name = fields.get_text("alertProperty", needed=True)
    known = {one.lower(): one for one in PROPERTIES}
    if name and name.lower() not in known:
        fields.add_error(f"alertProperty must be one of {', '.join(PROPERTIES)} (got {name!r})")
    return known.get(name.lower(), name), fields.get_text("value", needed=True)


def _read_incidents(fields: DocumentFields, custom_details: Mapping[str, str]) -> IncidentConfiguration:
    given = fields.get_object("incidentConfiguration")
    grouping = given.get_object("groupingConfiguration")
    matching = (
        grouping.get_text("matchingMethod") or grouping.get_text("entitiesMatchingMethod") or "AllEntities"
    )
    if matching.lower() not in _MATCHING:
        grouping.add_error(
            f"matchingMethod must be one of {', '.join(one.value for one in MatchingMethod)} (got {matching!r})"
        )
    enabled = grouping.get_flag("enabled", default=False)
    names = {one.lower(): one for one in custom_details}
    if enabled:
        _check_grouping(grouping, custom_details)
    return IncidentConfiguration(
        given.get_flag("createIncident", default=True),
        enabled,
        grouping.get_flag("reopenClosedIncident", default=False),
        grouping.get_span("lookbackDuration", least=SHORTEST, most=LONGEST_LOOKBACK) or timedelta(hours=5),
        _MATCHING.get(matching.lower(), MatchingMethod.ALL_ENTITIES),
        grouping.get_texts("groupByEntities"),
        grouping.get_texts("groupByAlertDetails"),
        tuple(names.get(one.lower(), one) for one in grouping.get_texts("groupByCustomDetails")),
    )


def _check_grouping(grouping: DocumentFields, custom_details: Mapping[str, str]) -> None:
    """Note what no alert has by which alerts are to be grouped."""
    known = {
        "groupByEntities": {one.lower() for one in IDENTIFIERS},
        "groupByAlertDetails": set(ALERT_DETAILS),
        "groupByCustomDetails": {one.lower() for one in custom_details},
    }
    for name, words in known.items():
        for one in grouping.get_texts(name):
            if one.lower() not in words:
                grouping.add_error(f"{name} {one!r} is not a property of this rule's alerts")
