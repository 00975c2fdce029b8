"""Switches by which people enabled or disabled rules and packs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import AuditedRow, UtcDateTime

RULE, PACK = "rule", "pack"


class RuleSwitchRow(AuditedRow):
    """A switch of a workspace: of a rule by its id, or of a pack by its name."""

    __tablename__ = "rule_switches"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    enabled: Mapped[bool] = mapped_column(Boolean)
    author: Mapped[str] = mapped_column(Text)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class SwitchState:
    """Switch decisions of a workspace: by rule id and by pack name."""

    rules: dict[str, bool]
    packs: dict[str, bool]

    def is_rule_enabled(self, rule: str, pack: str = "", *, default: bool) -> bool:
        """Return whether a rule is on: as was said of it, else of its pack, else by default."""
        return self.rules.get(rule, self.packs.get(pack, default) if pack else default)


class RuleSwitches:
    """All switches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_switches(self, workspace: str) -> SwitchState:
        """Return what was decided in a workspace."""
        with self._database.read() as session:
            return self._read_switches(session, workspace)

    def lock_switches(self, session: Session, workspace: str) -> SwitchState:
        """Return the same within a transaction; of two that change what they read so, the second waits for the first."""
        self._database.queue(session, f"rule switches {workspace}")
        return self._read_switches(session, workspace)

    @staticmethod
    def _read_switches(session: Session, workspace: str) -> SwitchState:
        rows = list(session.scalars(select(RuleSwitchRow).where(RuleSwitchRow.workspace == workspace)))
        return SwitchState(
            {row.subject: row.enabled for row in rows if row.kind == RULE},
            {row.subject: row.enabled for row in rows if row.kind == PACK},
        )

    def last(self, workspace: str, kind: str, subjects: Iterable[str]) -> dict[str, tuple[datetime, str]]:
        """Return by subject when, and by whom, rules or packs were switched last."""
        wanted = RuleSwitchRow.workspace == workspace, RuleSwitchRow.kind == kind
        with self._database.read() as session:
            rows = session.scalars(
                select(RuleSwitchRow).where(*wanted, RuleSwitchRow.subject.in_(list(subjects)))
            )
            return {row.subject: (row.changed, row.author) for row in rows}

    def put(
        self, workspace: str, kind: str, subjects: Iterable[str], now: datetime, by: str, *, enabled: bool
    ) -> None:
        """Switch rules or packs on or off."""
        with self._database.write() as session:
            self.switch(session, workspace, kind, subjects, now, by, enabled=enabled)

    def switch(
        self,
        session: Session,
        workspace: str,
        kind: str,
        subjects: Iterable[str],
        now: datetime,
        by: str,
        *,
        enabled: bool,
    ) -> None:
        """Switch rules or packs within the caller's transaction."""
        for subject in subjects:
            session.merge(
                RuleSwitchRow(
                    workspace=workspace, kind=kind, subject=subject, enabled=enabled, author=by, changed=now
                )
            )

    def forget(self, workspace: str, kind: str, subjects: Iterable[str]) -> None:
        """Take back what was decided of them."""
        with self._database.write() as session:
            session.execute(
                delete(RuleSwitchRow).where(
                    RuleSwitchRow.workspace == workspace,
                    RuleSwitchRow.kind == kind,
                    RuleSwitchRow.subject.in_(list(subjects)),
                )
            )
