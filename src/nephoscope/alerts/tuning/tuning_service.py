"""Tuning service: change settings and suppressions of a workspace; each change is audited and can be reverted."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.suppression.condition import SuppressionCondition
from nephoscope.alerts.tuning.rule_settings import apply_settings
from nephoscope.state.database.database import StateError
from nephoscope.state.rules.rule_settings import RuleSetting
from nephoscope.state.rules.suppressions import ANY_RULE, StoredSuppression
from nephoscope.state.rules.tuning_changes import TuningChange

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State

SUPPRESSION, SETTING, LEARNED = "suppression", "setting", "learned"
REASONS = ("FalsePositive", "BenignPositive", "Other")
"""Why something is suppressed. Source: Azure's `reason` of alertsSuppressionRules is free text; these are its portal's."""


@dataclass(frozen=True, slots=True)
class TuningEditor:
    """One who changes the tuning of a workspace, at a time; `advice` is the id of the advice that is followed."""

    state: State
    workspace: str
    author: str
    now: datetime
    advice: str = ""

    def suppress(
        self,
        name: str,
        rule: str,
        conditions: Iterable[SuppressionCondition],
        *,
        reason: str = "Other",
        comment: str = "",
        expires: datetime | None = None,
        enabled: bool = True,
        again: bool = False,
    ) -> StoredSuppression:
        """Make a suppression, `again` in the place of the one of its name; StateError where it would hold back everything, or its
        time is over."""
        documents = [one.document() for one in conditions]
        if not name.strip():
            raise StateError("a suppression needs a name")
        if rule == ANY_RULE and not documents:
            raise StateError(
                "a suppression for all rules requires a condition: otherwise it would suppress every alert"
            )
        if expires is not None and expires <= self.now:
            raise StateError(
                f"the expiry {expires.isoformat()} is in the past: the suppression would have no effect"
            )
        named = (one for one in self.state.suppressions.all(self.workspace) if again and one.name == name)
        before = next(named, None)
        id_, author, created = (
            (before.id, before.author, before.created)
            if before
            else (str(uuid.uuid4()), self.author, self.now)
        )
        made = StoredSuppression(
            id_, self.workspace, name, rule, documents, reason, comment, enabled, expires, author, created, self.now,
            self.advice,
        )  # fmt: skip
        with self.state.transaction() as session:
            self._put_suppression(session, made, before)
        return made

    def change(self, wanted: str, **changes: Any) -> StoredSuppression:
        """Change `enabled`, `expires`, `comment` or `reason` of a suppression, by id or name."""
        before = self.state.suppressions.find(self.workspace, wanted)
        after = replace(before, **changes, changed=self.now)
        with self.state.transaction() as session:
            self._put_suppression(session, after, before)
        return after

    def remove(self, wanted: str) -> StoredSuppression:
        """Delete a suppression; what it held back stays dismissed."""
        before = self.state.suppressions.find(self.workspace, wanted)
        with self.state.transaction() as session:
            self.state.suppressions.remove(session, before.id)
            self._record_change(session, SUPPRESSION, before.id, before.rule, _to_document(before), None)
        return before

    def set_settings(
        self,
        rule: AnalyticRule,
        values: dict[str, object],
        *,
        comment: str = "",
        expires: datetime | None = None,
    ) -> None:
        """Put settings over a rule's file; SettingError where the rule cannot have them together with those that it has."""
        if expires is not None and expires <= self.now:
            raise StateError(
                f"the expiry {expires.isoformat()} is in the past: the setting would have no effect"
            )
        known = self._index_settings(rule.id)
        apply_settings(rule, {name: one.value for name, one in known.items()} | values)
        with self.state.transaction() as session:
            for name, value in values.items():
                one = RuleSetting(
                    self.workspace, rule.id, name, value, comment, expires, self.author, self.now, self.advice
                )
                self.state.rule_settings.put(session, one)
                self._record_change(
                    session, SETTING, name, rule.id, _to_document(known.get(name)), _to_document(one)
                )

    def reset_settings(self, rule: str, names: Iterable[str] = ()) -> list[str]:
        """Let the file of a rule speak again, for some settings or all; the names of those that were changed."""
        known = self._index_settings(rule)
        wanted = [name for name in known if not names or name in set(names)]
        with self.state.transaction() as session:
            for name in wanted:
                self.state.rule_settings.remove(session, self.workspace, rule, name)
                self._record_change(session, SETTING, name, rule, _to_document(known[name]), None)
        return wanted

    def learn(
        self, rule: AnalyticRule, keys: Iterable[str], *, comment: str = "", expires: datetime | None = None
    ) -> None:
        """Let a rule know what it is to leave alone, by the names of its entities; a rule that is learning goes on."""
        several = list(keys)
        with self.state.transaction() as session:
            self.state.learned.add(session, self.workspace, rule.id, several, self.now)
            self._record_change(session, LEARNED, "", rule.id, None, {"keys": several})
        if "learningUntil" not in self._index_settings(rule.id):
            self.set_settings(rule, {"learningUntil": self.now.isoformat()}, comment=comment, expires=expires)

    def forget(self, rule: str) -> None:
        """Let a rule know nothing again."""
        keys = sorted(self.state.learned.load_for_rule(self.workspace, rule))
        with self.state.transaction() as session:
            self.state.learned.forget(session, self.workspace, rule)
            self._record_change(session, LEARNED, "", rule, {"keys": keys}, None)
        self.reset_settings(rule, ["learningUntil"])

    def undo(self, advice: str) -> int:
        """Take back what was done by an advice, as far as nobody has changed it since; how many things."""
        mine = [one for one in self.state.tuning_changes.all(self.workspace) if one.advice == advice]
        if not mine:
            raise StateError(f"advice {advice} was not applied")
        return sum(self._undo_change(one) for one in reversed(mine))

    def _undo_change(self, change: TuningChange) -> bool:
        with self.state.transaction() as session:
            if change.kind == SUPPRESSION:
                return self._undo_suppression(session, change)
            if change.kind == LEARNED:
                keys = (change.after or {}).get("keys", [])
                gone = self.state.learned.drop(session, self.workspace, change.rule, keys)
                if gone:
                    self._record_change(session, LEARNED, "", change.rule, {"keys": keys}, None)
                return bool(gone)
            return self._undo_setting(session, change)

    def _undo_suppression(self, session: Session, change: TuningChange) -> bool:
        known = next(
            (one for one in self.state.suppressions.all(self.workspace) if one.id == change.subject), None
        )
        if known is None or change.before is not None:
            return False
        self.state.suppressions.remove(session, known.id)
        self._record_change(session, SUPPRESSION, known.id, known.rule, _to_document(known), None)
        return True

    def _undo_setting(self, session: Session, change: TuningChange) -> bool:
        known = self._index_settings(change.rule).get(change.subject)
        if known is None or known.advice != change.advice:
            return False
        if change.before is None:
            self.state.rule_settings.remove(session, self.workspace, change.rule, change.subject)
        else:
            self.state.rule_settings.put(session, read_setting(change.before))
        self._record_change(session, SETTING, change.subject, change.rule, _to_document(known), change.before)
        return True

    def _index_settings(self, rule: str) -> dict[str, RuleSetting]:
        return {one.setting: one for one in self.state.rule_settings.all(self.workspace) if one.rule == rule}

    def _put_suppression(
        self, session: Session, after: StoredSuppression, before: StoredSuppression | None
    ) -> None:
        self.state.suppressions.put(session, after)
        self._record_change(
            session, SUPPRESSION, after.id, after.rule, _to_document(before), _to_document(after)
        )

    def _record_change(
        self,
        session: Session,
        kind: str,
        subject: str,
        rule: str,
        before: dict[str, object] | None,
        after: dict[str, object] | None,
    ) -> None:
        self.state.tuning_changes.add(
            session,
            TuningChange(
                self.workspace, self.now, self.author, kind, subject, rule, before, after, self.advice
            ),
        )


def _to_document(one: StoredSuppression | RuleSetting | None) -> dict[str, object] | None:
    if one is None:
        return None
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(one).items()
    }


def read_setting(document: dict[str, Any]) -> RuleSetting:
    """Read a setting as a change keeps it."""
    moments = {
        name: datetime.fromisoformat(document[name]) if document[name] else None
        for name in ("expires", "changed")
    }
    return RuleSetting(**{**document, **moments})
