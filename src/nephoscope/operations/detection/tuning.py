"""Tuning: the quality of rules, advice that reduces false positives, and settings over the files of rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, UnsetType, structs

from nephoscope.operations.declaration.operation import (
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import Row
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Text

if TYPE_CHECKING:
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.alerts.tuning.advice import TuningAdvisor

OPERATIONS = OperationGroup(
    "tuning", "Tuning", "A setting", "Review rule quality and reduce false positives."
)
READ, WRITE = (f"Microsoft.SecurityInsights/alertRules/{one}" for one in ("read", "write"))
REPORT = (
    "rule", "alerts", "held", "incidents", "false", "benign", "true", "open", "precision", "hoursToClose", "runs", "errors",
    "seconds", "rows",
)  # fmt: skip
EXPIRES = timedelta(days=90)


class OfRules(InWorkspace, frozen=True, kw_only=True):
    """A request about rules of a workspace, or of folders."""

    folders: Annotated[
        tuple[Path, ...],
        describe(
            "Folder of the rules (default: the shipped rules).", option="--rules", metavar="DIR", path="any"
        ),
    ] = ()


class OfPeriod(OfRules, frozen=True, kw_only=True):
    """Rules over a period."""

    since: (
        Annotated[
            datetime,
            describe("Start of the period (default: 30 days before).", option="--from", metavar="TIME"),
        ]
        | None
    ) = None
    until: (
        Annotated[datetime, describe("End of the period (default: now).", option="--to", metavar="TIME")]
        | None
    ) = None

    def get_bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the period; RefusedRequestError for one that is empty."""
        end = self.until or now
        begin = self.since or end - timedelta(days=30)
        if begin >= end:
            raise RefusedRequestError("--from must be before --to", "since")
        return begin, end


class AdviceQuery(OfPeriod, frozen=True, kw_only=True):
    """The advice to show."""

    rule: Annotated[Text, describe("Show only suggestions for this rule.", metavar="ID|NAME")] = ""


class AdviceChoice(OfPeriod, frozen=True, kw_only=True):
    """Advice to apply."""

    ids: Annotated[tuple[Text, ...], describe("IDs.", metavar="ID...", argument=True)]
    expires: Annotated[datetime, describe("Expiry (default: 90 days from now).", metavar="TIME")] | None = (
        None
    )


class RuleOverrides(OfRules, frozen=True, kw_only=True):
    """Settings over the file of a rule; what is left out stays."""

    disable: (
        Annotated[
            bool,
            describe(
                "Pause the rule; use `content enable` to enable or disable rules permanently.",
                option="--disable",
            ),
        ]
        | UnsetType
    ) = UNSET
    severity: Annotated[Text, describe("High, Medium, Low or Informational.", metavar="WORD")] | UnsetType = (
        UNSET
    )
    trigger_threshold: (
        Annotated[int, describe("Threshold for the number of rows.", metavar="N")] | UnsetType
    ) = UNSET
    query_frequency: (
        Annotated[Text, describe("Interval between runs, such as 1h.", metavar="SPAN")] | UnsetType
    ) = UNSET
    query_period: Annotated[Text, describe("Lookback period of the query.", metavar="SPAN")] | UnsetType = (
        UNSET
    )
    suppression_duration: (
        Annotated[Text, describe("Pause after an alert (suppression duration).", metavar="SPAN")] | UnsetType
    ) = UNSET
    learning_period: (
        Annotated[
            Text,
            describe(
                "Minimum age of the logs before alerts below High are raised; 0d: raise from the first day.",
                metavar="SPAN",
            ),
        ]
        | UnsetType
    ) = UNSET
    create_incident: (
        Annotated[bool, describe("Create incidents from alerts.", option="--incident/--no-incident")]
        | UnsetType
    ) = UNSET
    repeat_interval: (
        Annotated[
            Text,
            describe(
                "Duration for which repeated alerts about the same entities are suppressed.", metavar="SPAN"
            ),
        ]
        | UnsetType
    ) = UNSET
    aggregation_kind: (
        Annotated[
            Text,
            describe(
                "SingleAlert: one alert for all rows of a run; AlertPerResult: one alert per row.",
                metavar="KIND",
            ),
        ]
        | UnsetType
    ) = UNSET
    learn: (
        Annotated[
            Text,
            describe(
                "Learning period from now: results in it count as normal and never raise alerts.",
                metavar="SPAN",
            ),
        ]
        | UnsetType
    ) = UNSET
    expires: Annotated[datetime, describe("Expiry (default: none).", metavar="TIME")] | None = None
    comment: Annotated[Text, describe("Reason.", metavar="TEXT")] = ""

    def values(self, now: datetime) -> dict[str, object]:
        """Return the settings by their names in the file of a rule."""
        from nephoscope.alerts.documents.duration import parse_duration

        beside = {*OfRules.__struct_fields__, "disable", "learn", "expires", "comment"}
        given = {
            one.encode_name: getattr(self, one.name) for one in structs.fields(self) if one.name not in beside
        }
        if self.disable:
            given["enabled"] = False
        if self.learn is not UNSET:
            try:
                given["learningUntil"] = (now + parse_duration(self.learn)).isoformat()
            except ValueError as error:
                raise RefusedRequestError(f"--learn: {error}", "learn") from error
        return {name: value for name, value in given.items() if value is not UNSET}


class SettingsChoice(OfRules, frozen=True, kw_only=True):
    """Settings to take off the file of a rule."""

    settings: Annotated[tuple[Text, ...], describe("Settings.", argument=True)] = ()
    forget: Annotated[bool, describe("Delete the learned baseline as well.")] = False


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "report", columns=REPORT, nothing="no rule has run", formats=("table", "json", "csv", "markdown")
    ),
)
def report_rule_statistics(call: OperationCall, query: OfPeriod) -> list[Row]:
    """Show alerts, classifications and run cost by rule."""
    from nephoscope.alerts.tuning.rule_quality import build_quality_row, rate_rules

    (begin, end), own = query.get_bounds(call.service.now), call.workspace(query.workspace)
    names = {one.id: one.name for one in load_rules(call, query)}
    return [build_quality_row(one) for one in rate_rules(call.state, own, begin, end, names)]


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "advice", columns=("id", "rule", "advice", "confidence", "hides", "of", "closedFalse", "evidence"),
        nothing="no suggestions", fresh=True,
    ),
    needs_lake=True,
)  # fmt: skip
def suggest_changes(call: OperationCall, query: AdviceQuery) -> list[Row]:
    """Suggest changes to rules, with the alerts that each would have hidden. Each suggestion is tested by
    running the alerting windows again. None hides a true positive or an alert of an open incident with
    several rules. Confidence: proven = every alert was classified as benign, likely = most of them,
    review = other evidence.
    """
    advisor, rules = _open_advisor(call, query, query.rule)
    return [one.document() for one in advisor.list_advice(rules)]


@OPERATIONS.operation(WRITE, command=CommandLine("apply", fresh=True), needs_lake=True)
def apply_suggestions(call: OperationCall, body: AdviceChoice) -> None:
    """Apply the suggestions IDs, each tested again first; use the same --from and --to as for `tuning
    advise`.
    """
    from nephoscope.service.tuning import apply_advice

    advisor, rules = _open_advisor(call, body)
    for wanted in dict.fromkeys(body.ids):
        found = next(advisor.list_advice(rules, wanted), None)
        if found is None:
            raise RefusedRequestError(f"suggestion {wanted!r} not found: see `tuning advice`", "ids")
        apply_advice(call.service, advisor.workspace, found, body.expires or call.service.now + EXPIRES)
        hidden = f"it would have hidden {len(found.hides)} of {found.of} alerts"
        call.tell(f"{found.rule.name}: {found.proposal.text}; {hidden}")


@OPERATIONS.operation(WRITE, command=CommandLine("undo"))
def undo_suggestion(call: OperationCall, id: Text, query: InWorkspace) -> None:  # noqa: A002 - the word of the command
    """Undo the applied suggestion ID; later changes by users are preserved."""
    from nephoscope.service.tuning import undo_advice

    call.tell(f"{undo_advice(call.service, call.workspace(query.workspace), id):,} changes undone")


@OPERATIONS.operation(WRITE, command=CommandLine("set"))
def override_settings(call: OperationCall, rule: Text, body: RuleOverrides) -> None:
    """Override settings of RULE (its ID or name)."""
    from nephoscope.service.rules import set_rule_settings

    values, own = body.values(call.service.now), call.workspace(body.workspace)
    with _refuse_settings():
        set_rule_settings(
            call.service, own, find_rule(call, body, rule), values, comment=body.comment, expires=body.expires
        )


@OPERATIONS.operation(WRITE, command=CommandLine("reset"))
def reset_overrides(call: OperationCall, rule: Text, body: SettingsChoice) -> None:
    """Remove overrides of RULE, for these SETTINGS or all."""
    from nephoscope.service.rules import reset_rule_settings

    found, own = find_rule(call, body, rule), call.workspace(body.workspace)
    with _refuse_settings():
        gone = reset_rule_settings(call.service, own, found, body.settings, forget=body.forget)
    call.tell(f"removed: {', '.join(gone) or 'nothing'}")


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "settings",
        columns=("rule", "setting", "value", "file", "expires", "author", "comment"),
        nothing="no overrides",
    ),
)
def list_overrides(call: OperationCall, query: OfRules) -> list[Row]:
    """List overridden rule settings."""
    from nephoscope.alerts.tuning.rule_settings import read_file_settings

    rules, now = {one.id: one for one in load_rules(call, query)}, call.service.now
    return [
        {
            "rule": rules[one.rule].name if one.rule in rules else one.rule, "setting": one.setting, "value": one.value,
            "file": read_file_settings(rules[one.rule]).get(one.setting, "") if one.rule in rules else "",
            "expires": one.expires, "holds": one.is_active(now), "author": one.author, "changed": one.changed,
            "comment": one.comment, "advice": one.advice, "id": one.rule,
        }
        for one in call.state.rule_settings.all(call.workspace(query.workspace))
    ]  # fmt: skip


@OPERATIONS.operation(
    READ,
    command=CommandLine(
        "changes",
        columns=("moment", "author", "kind", "rule", "subject", "change", "advice"),
        nothing="no changes",
    ),
)
def list_changes(call: OperationCall, query: InWorkspace) -> list[Row]:
    """Show the change history of suppressions and overrides, oldest first."""
    return [
        {
            "moment": one.moment, "author": one.author, "kind": one.kind, "rule": one.rule, "subject": one.subject,
            "change": "made" if one.before is None else "removed" if one.after is None else "changed",
            "advice": one.advice, "before": one.before, "after": one.after,
        }
        for one in call.state.tuning_changes.all(call.workspace(query.workspace))
    ]  # fmt: skip


def load_rules(call: OperationCall, asked: OfRules) -> tuple[AnalyticRule, ...]:
    """Return the rules that a request is about; files that cannot be used are told."""
    from nephoscope.alerts.library import rule_selection
    from nephoscope.alerts.library.content_packs import PackError

    with translate_errors("folders", PackError):
        found = rule_selection.load_rules(
            call.service.data, call.state, call.workspace(asked.workspace), asked.folders
        )
    for one in found.refused:
        call.tell(f"{one.place}: {'; '.join(one.reasons)}")
    return found.rules


def find_rule(call: OperationCall, asked: OfRules, wanted: str) -> AnalyticRule:
    """Return the rule of an id or name. Raises StateError where there is none, or several."""
    from nephoscope.alerts.library import rule_selection

    return rule_selection.find_rule(load_rules(call, asked), wanted)


def _open_advisor(
    call: OperationCall, asked: OfPeriod, rule: str = ""
) -> tuple[TuningAdvisor, list[AnalyticRule]]:
    """Return what looks for advice, and the rules that it looks at."""
    from nephoscope.alerts.library.rule_selection import find_rule
    from nephoscope.alerts.tuning.advice import TuningAdvisor

    begin, end = asked.get_bounds(call.service.now)
    rules = load_rules(call, asked)
    advisor = TuningAdvisor(call.state, call.lake, call.workspace(asked.workspace), begin, end)
    return advisor, [find_rule(rules, rule)] if rule else list(rules)


@contextmanager
def _refuse_settings() -> Iterator[None]:
    from nephoscope.alerts.tuning.rule_settings import SettingError

    with translate_errors("settings", SettingError):
        yield
