"""An automation rule: which kinds of events trigger it, what must hold of them, and which actions are run then.

Whatever language a rule is written in, the engine knows it as this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nephoscope.automation.condition import ALWAYS, EventCondition, EventView
from nephoscope.automation.event_kinds import EVENT_KINDS, EventKind
from nephoscope.automation.rule_scope import EVERYWHERE, RuleScope
from nephoscope.state.automation.automation_runs import RuleLanguage


class AutomationError(ValueError):
    """A document that is no rule: the JSON path and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


@dataclass(frozen=True, slots=True)
class UnusableRule:
    """A document that was kept and is no rule, and why."""

    key: str
    title: str
    language: RuleLanguage
    reason: str

    def __str__(self) -> str:
        """The key and the reason."""
        return f"{self.key}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Kinds of events, and the condition that must hold of one."""

    kinds: tuple[EventKind, ...]
    condition: EventCondition = ALWAYS

    @property
    def document_kind(self) -> EventKind | None:
        """The kind of published documents that it is about, None where it is about alerts or incidents."""
        return next((one for one in self.kinds if one.type), None)


@dataclass(frozen=True, slots=True)
class AutomationRule:
    """A rule. `key` is what its runs are kept under; `actions` are settings of the kinds of actions.

    Rules are asked by `order`; behind one with `stop` that matched no other is asked about the event. Of workspaces none means all.
    `authors` wrote it, by the names of the audit; none is known of a file that somebody put there.
    """

    key: str
    title: str
    language: RuleLanguage
    triggers: tuple[Trigger, ...]
    actions: Sequence[dict[str, object]]
    enabled: bool = True
    order: int = 100
    stop: bool = False
    expires: datetime | None = None
    workspaces: tuple[str, ...] = ()
    scope: RuleScope = EVERYWHERE
    authors: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[EventKind, ...]:
        """The kinds of events that trigger it."""
        return tuple(kind for one in self.triggers for kind in one.kinds)

    @property
    def sources(self) -> tuple[str, ...]:
        """The event sources of these, each once."""
        return tuple(dict.fromkeys(one.source for one in self.kinds))

    def is_expired(self, now: datetime) -> bool:
        """Return whether its time is over."""
        return self.expires is not None and self.expires <= now

    def is_triggered(self, kind: str, workspace: str, now: datetime) -> bool:
        """Return whether it is asked about an event of a kind in a workspace."""
        here = not self.workspaces or workspace in self.workspaces
        return (
            self.enabled and here and not self.is_expired(now) and any(one.name == kind for one in self.kinds)
        )

    def matches(self, kind: str, event: EventView) -> bool:
        """Return whether it acts on the event of an alert or incident of a kind."""
        return self._is_met(
            event, [one for one in self.triggers if any(each.name == kind for each in one.kinds)]
        )

    def is_met_by(self, kind: str, event: EventView) -> bool:
        """Return whether a condition holds of an alert or incident as it stands, though nothing happened: `kind` says which
        of both it is.

        A rule of response is asked whatever it is triggered by.
        """
        source, whichever = EVENT_KINDS[kind].source, self.language is RuleLanguage.RESPONSE
        asked = [
            one for one in self.triggers if whichever or any(each.source == source for each in one.kinds)
        ]
        return self._is_met(event, asked)

    def _is_met(self, event: EventView, triggers: Sequence[Trigger]) -> bool:
        return self.scope.covers_row(event.document) and any(one.condition.is_met(event) for one in triggers)
