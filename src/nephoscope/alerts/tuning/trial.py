"""Trials: rules that somebody wants to be tried over the past, kept in the state with what came of each."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from nephoscope.state.database.database import NotFoundError, StateError

if TYPE_CHECKING:
    from nephoscope.state import State

#: The source of the checkpoints that hold trials.
SOURCE = "rule-trials"
#: How many wait at once in all workspaces, and how many that are over are kept a rule and in all.
MOST_WAITING, KEPT_OF_RULE, KEPT = 20, 10, 200


class TrialKind(StrEnum):
    """Kind of a trial: replay a rule, ask for advice on it, or apply one advice."""

    REPLAY = "replay"
    ADVICE = "advice"
    APPLY = "apply"


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """Trial of a rule over [since, until], requested by `by`: `done` of `total` windows ran, `found` is the result.

    `advice` is the id of the advice to apply. `starts` counts the attempts of workers. A trial that is `ended` has an
    `error` or a result.
    """

    workspace: str
    rule: str
    what: TrialKind
    since: datetime
    until: datetime
    by: str
    asked: datetime
    advice: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    starts: int = 0
    done: int = 0
    total: int = 0
    ended: datetime | None = None
    error: str = ""
    found: dict[str, object] = field(default_factory=dict)

    @property
    def standing(self) -> str:
        """In a word how it is."""
        if self.ended is not None:
            return "failed" if self.error else "done"
        return "running" if self.starts else "waiting"


class RuleTrials:
    """All trials of a state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def all(self) -> list[RuleTrial]:
        """The newest first."""
        found = [msgspec.convert(one, RuleTrial) for one in self._state.checkpoints.all(SOURCE).values()]
        return sorted(found, key=lambda one: (one.asked, one.id), reverse=True)

    def list_for_rule(self, workspace: str, rule: str) -> list[RuleTrial]:
        """Return those of a rule, the newest first."""
        return [one for one in self.all() if (one.workspace, one.rule) == (workspace, rule)]

    def get(self, workspace: str, rule: str, id_: str) -> RuleTrial:
        """One of a rule; NotFoundError where there is none of that id."""
        found = self._state.checkpoints.get(SOURCE, id_)
        one = msgspec.convert(found, RuleTrial) if found is not None else None
        if one is None or (one.workspace, one.rule) != (workspace, rule):
            raise NotFoundError(f"trial {id_[:100]} of the rule not found")
        return one

    def request_trial(self, wanted: RuleTrial) -> RuleTrial:
        """Keep what is to be done; the one that waits already where the same was asked for; StateError where too many wait."""
        several = self.all()
        open_ = [one for one in several if one.ended is None]
        for one in open_:
            if _build_request_key(one) == _build_request_key(wanted):
                return one
        if len(open_) >= MOST_WAITING:
            raise StateError(f"{MOST_WAITING} trials are already queued: stop one, or try again later")
        self._state.checkpoints.put(SOURCE, wanted.id, msgspec.to_builtins(wanted))
        self._tidy_finished_trials([wanted, *several])
        return wanted

    def find_next_trial(self) -> RuleTrial | None:
        """The one that waits longest."""
        return next((one for one in reversed(self.all()) if one.ended is None), None)

    def store_progress(self, one: RuleTrial) -> bool:
        """Keep how far one is; False, and nothing kept, where somebody has taken it back meanwhile."""
        with self._state.transaction() as session:
            if one.id not in self._state.checkpoints.load_in_transaction(session, SOURCE):
                return False
            self._state.checkpoints.keep(session, SOURCE, {one.id: msgspec.to_builtins(one)})
        return True

    def stop(self, one: RuleTrial) -> None:
        """Take one back; whoever is at it ends."""
        self._state.checkpoints.remove(SOURCE, one.id)

    def _tidy_finished_trials(self, several: list[RuleTrial]) -> None:
        """Forget the oldest of those that are over."""
        kept: dict[tuple[str, str], int] = {}
        for place, one in enumerate(several):
            key = one.workspace, one.rule
            kept[key] = kept.get(key, 0) + 1
            if one.ended is not None and (place >= KEPT or kept[key] > KEPT_OF_RULE):
                self._state.checkpoints.remove(SOURCE, one.id)


def _build_request_key(one: RuleTrial) -> tuple[object, ...]:
    """Return what was asked for, whoever asked and at what time of the day."""
    return one.workspace, one.rule, one.what, one.since, one.until.date(), one.advice
