"""Rules of response: YAML files of the data folder, a rule each, for alerts, incidents and risks.

As Sentinel's automation rules: https://learn.microsoft.com/azure/sentinel/automate-incident-handling-with-automation-rules
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml
from msgspec import Meta

from nephoscope.automation.action import find_action_kind
from nephoscope.automation.condition import AllConditions
from nephoscope.automation.event_kinds import EVENT_KINDS
from nephoscope.automation.rule import AutomationRule, Trigger
from nephoscope.automation.rule_formats.response_condition import ResponseCondition
from nephoscope.state.automation.automation_runs import RuleLanguage
from nephoscope_policy.model.source_location import Place

FOLDER = Path("responses") / "rules"
MAX_BYTES = 256 << 10
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ResponseRuleError(ValueError):
    """A file that is no rule: where and why."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place, self.reason = place, reason


class ResponseRuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """File of a response rule. Rules run by `order`, then name; a match of one with `stop` ends the evaluation.

    `authors`, which the server sets, created the rule or changed it since a plan of it was approved: none of them may
    approve its plans.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    when: Annotated[
        list[
            Literal[
                "alert.created",
                "alert.updated",
                "incident.created",
                "incident.updated",
                "riskyIdentity.changed",
                "riskDetection.created",
            ]
        ],
        Meta(min_length=1),
    ]
    actions: Annotated[list[dict[str, object]], Meta(min_length=1, max_length=20)]
    conditions: list[ResponseCondition] = []
    workspaces: list[str] = []
    order: int = 100
    enabled: bool = True
    expires: datetime | None = None
    stop: bool = False
    authors: list[str] = []

    def to_rule(self) -> AutomationRule:
        """Return the rule as the engine knows it."""
        kinds = tuple(EVENT_KINDS[name] for name in self.when)
        condition = AllConditions(tuple(one.to_condition() for one in self.conditions))
        expires = self.expires and self.expires.replace(tzinfo=self.expires.tzinfo or UTC)
        return AutomationRule(
            self.name,
            self.name,
            RuleLanguage.RESPONSE,
            (Trigger(kinds, condition),),
            self.actions,
            enabled=self.enabled,
            order=self.order,
            stop=self.stop,
            expires=expires,
            workspaces=tuple(self.workspaces),
            authors=tuple(self.authors),
        )


def parse_response_rule(document: object, place: Place) -> ResponseRuleFile:
    """Return the rule of a document; ResponseRuleError where it is none."""
    try:
        file = msgspec.convert(document, ResponseRuleFile)
    except msgspec.ValidationError as error:
        raise ResponseRuleError(place, str(error)) from error
    _check_actions(file, place)
    return file


def _check_actions(file: ResponseRuleFile, place: Place) -> None:
    for number, action in enumerate(file.actions):
        try:
            find_action_kind(str(action.get("action", ""))).parse(action)
        except ValueError as error:
            raise ResponseRuleError(place, f"actions[{number}]: {error}") from error


def read_rule_file(path: Path) -> ResponseRuleFile:
    """Return what a file says; ResponseRuleError with the place where it is no rule."""
    place = Place(str(path))
    if path.stat().st_size > MAX_BYTES:
        raise ResponseRuleError(place, f"larger than {MAX_BYTES >> 10} KiB")
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_LOADER)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = Place(str(path), mark.line + 1, mark.column + 1) if mark else place
        raise ResponseRuleError(where, f"invalid YAML: {error.problem}") from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise ResponseRuleError(place, f"cannot be read: {error}") from error
    return parse_response_rule(document, place)


def load_response_rules(data: Path) -> tuple[list[AutomationRule], list[ResponseRuleError]]:
    """Return the rules of a data folder in the order in which they are asked, and the files that are none."""
    folder = data / FOLDER
    found, wrong = [], []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            found.append(read_rule_file(path).to_rule())
        except ResponseRuleError as error:
            wrong.append(error)
    names = [one.key for one in found]
    wrong += [
        ResponseRuleError(Place(str(folder)), f"two rules are named {name}")
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    return sorted(found, key=lambda one: (one.order, one.key)), wrong
