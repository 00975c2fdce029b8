"""Settings of a rule that people may change without its file; names and values are those of the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nephoscope.alerts.documents.duration import format_duration
from nephoscope.alerts.documents.fields import DocumentFields
from nephoscope.alerts.rules.rule import HIGHEST_THRESHOLD, LONGEST_PERIOD, SHORTEST, AnalyticRule, RuleKind
from nephoscope.model.utc_time import assume_utc
from nephoscope_policy.model.state import Severity

NAMES = (
    "enabled",
    "severity",
    "triggerThreshold",
    "queryFrequency",
    "queryPeriod",
    "suppressionDuration",
    "learningPeriod",
    "createIncident",
    "repeatInterval",
    "learningUntil",
    "aggregationKind",
)
"""`repeatInterval`: how long after an alert the same entities are held back; `learningUntil`: what is found until then is usual."""


SINGLE, EACH = "SingleAlert", "AlertPerResult"


class SettingError(ValueError):
    """A setting that a rule cannot have, with what would do."""


@dataclass(frozen=True, slots=True)
class ConfiguredRule:
    """A rule with settings over its file: `learning` is the end of its learning, `shown` says what differs."""

    rule: AnalyticRule
    repeat: timedelta | None = None
    learning: datetime | None = None
    shown: tuple[str, ...] = ()


def apply_settings(rule: AnalyticRule, settings: Mapping[str, object]) -> ConfiguredRule:
    """The rule with the settings; SettingError with all that does not fit."""
    fields = DocumentFields(dict(settings))
    if unknown := sorted(settings.keys() - set(NAMES)):
        raise SettingError(f"unknown setting {unknown[0]!r}: use one of {', '.join(NAMES)}")
    found = replace(
        rule,
        enabled=fields.get_flag("enabled", default=rule.enabled),
        severity=_read_severity(fields, rule),
        threshold=fields.get_number("triggerThreshold", default=rule.threshold, most=HIGHEST_THRESHOLD),
        frequency=fields.get_span("queryFrequency") or rule.frequency,
        period=fields.get_span("queryPeriod") or rule.period,
        suppression=fields.get_span("suppressionDuration") or rule.suppression,
        learning=fields.get_span("learningPeriod", least=timedelta())
        if fields.has("learningPeriod")
        else rule.learning,
        incidents=replace(
            rule.incidents, create=fields.get_flag("createIncident", default=rule.incidents.create)
        ),
        one_alert_a_row=_is_alert_per_row(fields, rule),
    )
    if settings.get("enabled") is True:
        fields.add_error("enabled can only be false here: use `content enable` to enable rules")
    _check_settings(fields, found, settings)
    repeat, learning = fields.get_span("repeatInterval", least=timedelta()), _read_time(fields)
    if fields.wrong:
        raise SettingError(f"{rule.name}: {'; '.join(fields.wrong)}")
    return ConfiguredRule(found, repeat, learning, tuple(_describe_settings(rule, settings)))


def _check_settings(fields: DocumentFields, rule: AnalyticRule, settings: Mapping[str, object]) -> None:
    if not settings.keys() & {"queryFrequency", "queryPeriod"}:
        return
    if rule.kind is RuleKind.NRT:
        fields.add_error("an NRT rule runs every minute: queryFrequency and queryPeriod cannot be set")
    if not (SHORTEST <= rule.frequency <= rule.period <= LONGEST_PERIOD):
        fields.add_error(
            "queryFrequency and queryPeriod must be between 5m and 14d, and the period must not be "
            "shorter than the frequency"
        )


def _read_severity(fields: DocumentFields, rule: AnalyticRule) -> Severity:
    text = fields.get_text("severity")
    if not text:
        return rule.severity
    known = {one.value.lower(): one for one in Severity}
    if text.lower() not in known:
        fields.add_error(f"severity must be one of {', '.join(one.value for one in Severity)} (got {text!r})")
    return known.get(text.lower(), rule.severity)


def _is_alert_per_row(fields: DocumentFields, rule: AnalyticRule) -> bool:
    kind = fields.get_text("aggregationKind")
    if kind not in ("", SINGLE, EACH):
        fields.add_error(f"aggregationKind {kind!r} is neither {SINGLE} nor {EACH}")
    return kind == EACH if kind else rule.one_alert_a_row


def _read_time(fields: DocumentFields) -> datetime | None:
    text = fields.get_text("learningUntil")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fields.add_error(f"learningUntil {text!r} is not a time such as 2026-11-24T10:00:00Z")
        return None
    return assume_utc(moment)


def read_file_settings(rule: AnalyticRule) -> dict[str, object]:
    """Return what the rule says itself, '' where it says nothing."""
    return {
        "enabled": rule.enabled,
        "severity": rule.severity.value,
        "triggerThreshold": rule.threshold,
        "queryFrequency": format_duration(rule.frequency),
        "queryPeriod": format_duration(rule.period),
        "suppressionDuration": format_duration(rule.suppression) if rule.suppression else "",
        "learningPeriod": format_duration(rule.learning) if rule.learning else "",
        "createIncident": rule.incidents.create,
        "aggregationKind": EACH if rule.one_alert_a_row else SINGLE,
    }


def _describe_settings(rule: AnalyticRule, settings: Mapping[str, object]) -> Iterable[str]:
    before = read_file_settings(rule)
    for name in NAMES:
        if name in settings:
            was = before.get(name, "")
            yield f"{name} {settings[name]}" + (f" (was {was})" if was != "" else "")
