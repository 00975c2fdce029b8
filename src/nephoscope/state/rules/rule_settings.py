"""Settings of rules that people have changed: they stand over what the rule's file says, until they expire."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime


class RuleSettingRow(AuditedRow):
    """A setting of a rule."""

    __tablename__ = "rule_settings"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    setting: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[object] = mapped_column(Json)
    comment: Mapped[str] = mapped_column(Text)
    expires: Mapped[datetime | None] = mapped_column(UtcDateTime)
    author: Mapped[str] = mapped_column(Text)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    advice: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """A setting as it is kept: its name and value as in a rule's file, `advice` the id of what proposed it."""

    workspace: str
    rule: str
    setting: str
    value: object
    comment: str
    expires: datetime | None
    author: str
    changed: datetime
    advice: str = ""

    def is_active(self, now: datetime) -> bool:
        """Return whether it is not expired."""
        return self.expires is None or now < self.expires


_NAMES = tuple(RuleSetting.__dataclass_fields__)


class RuleSettings:
    """All settings. What changes takes the session of the transaction that also notes who changed it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session: Session, one: RuleSetting) -> None:
        """Keep it, in place of the one of the same rule and name."""
        session.merge(RuleSettingRow(**asdict(one)))
        session.flush()

    def remove(self, session: Session, workspace: str, rule: str, setting: str) -> None:
        """Remove a setting of a rule, so that the value of its file applies again."""
        row = session.get(RuleSettingRow, (workspace, rule, setting))
        if row is not None:
            session.delete(row)
            session.flush()

    def all(self, workspace: str) -> list[RuleSetting]:
        """Return those of a workspace, by rule and name."""
        query = (
            select(RuleSettingRow)
            .where(RuleSettingRow.workspace == workspace)
            .order_by(RuleSettingRow.rule, RuleSettingRow.setting)
        )
        with self._database.read() as session:
            return [
                RuleSetting(**{name: getattr(row, name) for name in _NAMES}) for row in session.scalars(query)
            ]
