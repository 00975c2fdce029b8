"""Rule state of the schedule: consecutive failures, automatic disabling, rows seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import BigInteger, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import Base, Json, UtcDateTime


class RuleStandingRow(Base):
    """The standing of a rule in a workspace."""

    __tablename__ = "rule_standings"
    workspace: Mapped[str] = mapped_column(Text, primary_key=True)
    rule: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[str] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(BigInteger)
    disabled: Mapped[datetime | None] = mapped_column(UtcDateTime)
    skipped: Mapped[int] = mapped_column(BigInteger)
    seen: Mapped[dict[str, int]] = mapped_column(Json)
    looked: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class RuleStanding:
    """The standing of a rule whose text has `digest`.

    `failures` are permanent ones in a row, `disabled` is when they switched the rule off (None = it is on), `skipped` how many windows
    were left because they lay too far back. `seen` is table -> the version up to which rows that came late were looked at, `looked`
    when that was.
    """

    workspace: str
    rule: str
    digest: str
    failures: int = 0
    disabled: datetime | None = None
    skipped: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    looked: datetime | None = None


_NAMES = tuple(RuleStanding.__dataclass_fields__)


class RuleStandings:
    """The standings of all rules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, workspace: str) -> dict[str, RuleStanding]:
        """Rule -> its standing; a rule that never ran has none."""
        query = select(RuleStandingRow).where(RuleStandingRow.workspace == workspace)
        with self._database.read() as session:
            return {row.rule: _make_rule_standing(row) for row in session.scalars(query)}

    def load_standings(self, workspace: str, rules: Iterable[str]) -> dict[str, RuleStanding]:
        """Load the state of some rules."""
        query = select(RuleStandingRow).where(
            RuleStandingRow.workspace == workspace, RuleStandingRow.rule.in_(list(rules))
        )
        with self._database.read() as session:
            return {row.rule: _make_rule_standing(row) for row in session.scalars(query)}

    def get(self, workspace: str, rule: str) -> RuleStanding | None:
        """The standing of a rule."""
        with self._database.read() as session:
            row = session.get(RuleStandingRow, (workspace, rule))
            return None if row is None else _make_rule_standing(row)

    def put(self, session: Session, standings: Iterable[RuleStanding]) -> None:
        """Keep standings, in the transaction of the runs that they come from."""
        rows = [asdict(one) for one in standings]
        self._database.upsert(session, RuleStandingRow, rows, ["workspace", "rule"])

    def enable(self, workspace: str, rules: Iterable[str]) -> int:
        """Let rules run again that were switched off by their failures; how many there were."""
        on = (
            update(RuleStandingRow)
            .where(
                RuleStandingRow.workspace == workspace,
                RuleStandingRow.rule.in_(list(rules)),
                RuleStandingRow.disabled.is_not(None),
            )
            .values(disabled=None, failures=0)
            .returning(RuleStandingRow.rule)
        )
        with self._database.write() as session:
            return len(session.scalars(on).all())


def _make_rule_standing(row: RuleStandingRow) -> RuleStanding:
    return RuleStanding(**{name: getattr(row, name) for name in _NAMES})
