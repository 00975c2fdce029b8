"""A rule of response: when it is asked, what must hold, what is done then.

As Sentinel's automation rules: https://learn.microsoft.com/azure/sentinel/automate-incident-handling-with-automation-rules
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec
import yaml
from msgspec import Meta

from nephoscope.alerts.response.action import kind_of
from nephoscope.alerts.response.condition import Condition
from nephoscope.state.responses import ResponseEvent
from nephoscope_policy.model.place import Place

FOLDER = Path("responses") / "rules"
MAX_BYTES = 256 << 10
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ResponseRuleError(ValueError):
    """A rule that cannot be used: where and why."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place, self.reason = place, reason


class Asked(Protocol):
    """What the responder asks about events: rules of response, and automations."""

    @property
    def name(self) -> str:
        """What its runs are kept under."""

    @property
    def actions(self) -> Sequence[dict[str, Any]]:
        """What is done."""

    @property
    def stop(self) -> bool:
        """Whether none is asked behind it."""

    def asked(self, kind: str, workspace: str, now: datetime) -> bool:
        """Whether it is to be asked about an event of a kind."""

    def holds(self, facts: Mapping[str, list[str]], document: Mapping[str, Any]) -> bool:
        """Whether its conditions hold of an event's facts and document."""


class ResponseRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule. Rules are asked by `order`, then name; one with `stop` that holds is the last one asked about an event."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    when: Annotated[
        list[Literal["alert.created", "alert.updated", "incident.created", "incident.updated"]],
        Meta(min_length=1),
    ]
    actions: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=20)]
    conditions: list[Condition] = []
    workspaces: list[str] = []
    order: int = 100
    enabled: bool = True
    expires: datetime | None = None
    stop: bool = False

    def asked(self, kind: str, workspace: str, now: datetime) -> bool:
        """Whether it is to be asked about an event of a kind."""
        over = self.expires is not None and self.expires.replace(tzinfo=self.expires.tzinfo or UTC) <= now
        here = not self.workspaces or workspace in self.workspaces
        return self.enabled and not over and here and kind in self.when

    def holds(self, facts: Mapping[str, list[str]], document: Mapping[str, Any] | None = None) -> bool:  # noqa: ARG002 - for others
        """Whether all its conditions hold."""
        return all(one.holds(facts) for one in self.conditions)


def read(path: Path) -> ResponseRule:
    """The rule in a file; ResponseRuleError with the place where it is none."""
    place = Place(str(path))
    if path.stat().st_size > MAX_BYTES:
        raise ResponseRuleError(place, f"over {MAX_BYTES >> 10} KiB")
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_LOADER)  # noqa: S506 - a safe loader
        rule = msgspec.convert(document, ResponseRule)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = Place(str(path), mark.line + 1, mark.column + 1) if mark else place
        raise ResponseRuleError(where, f"not YAML: {error.problem}") from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise ResponseRuleError(place, f"not readable: {error}") from error
    except msgspec.ValidationError as error:
        raise ResponseRuleError(place, str(error)) from error
    for number, action in enumerate(rule.actions):
        try:
            kind_of(str(action.get("action", ""))).parsed(action)
        except ValueError as error:
            raise ResponseRuleError(place, f"actions[{number}]: {error}") from error
    return rule


def rules(folder: Path) -> tuple[list[ResponseRule], list[ResponseRuleError]]:
    """The rules of a folder in the order in which they are asked, and the files that are none."""
    found, wrong = [], []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            found.append(read(path))
        except ResponseRuleError as error:
            wrong.append(error)
    names = [one.name for one in found]
    wrong += [
        ResponseRuleError(Place(str(folder)), f"two rules are named {name}")
        for name in {n for n in names if names.count(n) > 1}
    ]
    return sorted(found, key=lambda one: (one.order, one.name)), wrong


def run_id(event: ResponseEvent, rule: str, number: int) -> str:
    """The id of a run: the same for the same event, rule and place in it. Databases give a number of a deleted event again."""
    told = msgspec.json.encode(event.document, order="deterministic")
    parts = [event.workspace, event.kind, event.subject, event.id, event.happened.isoformat(), rule, number]
    return hashlib.sha256(msgspec.json.encode(parts) + told).hexdigest()[:32]
