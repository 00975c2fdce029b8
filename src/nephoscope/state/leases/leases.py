"""Leases: work that one process does at a time, with a number that only rises, so that a holder that slept too long is told apart."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Text, and_, bindparam, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.database import Database, StateError
from nephoscope.state.leases.lease_holder import is_gone
from nephoscope.state.tables.columns import Base, UtcDateTime

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=5)
"""How much further than a lease that is taken now another of its name may reach (one may be asked for longer than another)."""


class LeaseLostError(StateError):
    """Another holder has the lease: what was begun under it must stop."""


class LeaseRow(Base):
    """A lease; the row stays when it is given back, so that its number never starts again."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    holder: Mapped[str] = mapped_column(Text)
    fence: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was taken: its `fence` is higher than that of every holder before.

    `until` is when it runs out unless `renew` is called, by the clock of Database.now.
    """

    name: str
    holder: str
    fence: int
    until: datetime
    _leases: Leases = field(repr=False, compare=False)

    def renew(self, seconds: float) -> Lease:
        """Return the same lease, held for so long from now; LeaseLostError where another has taken it.

        One that ran out and that nobody took is held again.
        """
        return self._leases.renew(self, seconds)

    def release(self) -> None:
        """Give it back; nothing happens where another has it."""
        self._leases.release(self)

    def release_in_transaction(self, session: Session) -> None:
        """Release the lease as `release` does, in the caller's transaction."""
        self._leases.release_leases(session, [self])

    def check(self, session: Session) -> None:
        """LeaseLostError where it is not held any more: in the transaction of what must not happen without it."""
        self._leases.check(self, session)


class Leases:
    """All leases. A holder is a name that no other process has, as new_holder() makes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """The lease for so long, None while another holder has it; the same holder takes it again with a higher number.

        A holder whose process has ended on this host has it no more. One that would run out later than any that is taken now was
        taken before the clock was set back: it counts no more.
        """
        return self.acquire_available([name], holder, seconds).get(name)

    def acquire_available(self, names: Collection[str], holder: str, seconds: float) -> dict[str, Lease]:
        """Return those of several leases that nobody else holds, by name, in one transaction; each as `take` takes it."""
        if not names:
            return {}
        gone = self.list_ended_holders(names)
        with self._database.write(joins=False) as session:
            return self.acquire_in_transaction(session, names, holder, seconds, gone)

    def acquire_in_transaction(
        self, session: Session, names: Collection[str], holder: str, seconds: float, gone: Collection[str]
    ) -> dict[str, Lease]:
        """Acquire leases as `acquire_available` does, within the transaction of what is done first; `gone` are the ended holders."""
        now = self._database.now(session)
        until = now + timedelta(seconds=seconds)
        rows = [{"name": name, "holder": holder, "fence": 1, "until": until} for name in sorted(names)]
        taken = session.execute(
            self._database.insert(LeaseRow, rows if len(rows) > 1 else rows[0])
            .on_conflict_do_update(
                index_elements=["name"],
                set_={"holder": holder, "fence": LeaseRow.fence + 1, "until": until},
                where=or_(
                    LeaseRow.until <= now,
                    LeaseRow.until > until + _AHEAD,
                    LeaseRow.holder.in_((holder, *gone)),
                ),
            )
            .returning(LeaseRow.name, LeaseRow.fence)
        ).all()
        return {name: Lease(name, holder, fence, until, self) for name, fence in taken}

    def list_ended_holders(self, names: Collection[str]) -> list[str]:
        """The holders of leases whose process is seen to have ended."""
        with self._database.read() as session:
            query = select(LeaseRow.holder).where(LeaseRow.name.in_(names)).distinct()
            return [holder for holder in session.scalars(query) if holder and is_gone(holder)]

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Lease.renew."""
        with self._database.write(joins=False) as session:
            until = self._database.now(session) + timedelta(seconds=seconds)
            found = session.scalar(
                update(LeaseRow).where(_is_held(lease)).values(until=until).returning(LeaseRow.fence)
            )
        if found is None:
            raise _build_lost_error(lease)
        return Lease(lease.name, lease.holder, lease.fence, until, self)

    def release(self, lease: Lease) -> None:
        """Lease.release."""
        with self._database.write(joins=False) as session:
            self.release_leases(session, [lease])

    def release_leases(self, session: Session, leases: Collection[Lease]) -> None:
        """Give several back, in the transaction of the work that was done under them."""
        if leases:
            session.connection().execute(_RELEASE, [_build_key(lease) for lease in leases])

    def check(self, lease: Lease, session: Session) -> None:
        """Lease.check: the row is locked to the end of the transaction, so that nobody takes the lease meanwhile."""
        row = session.scalar(select(LeaseRow).where(_is_held(lease)).with_for_update())
        if row is None or row.until <= self._database.now(session):
            raise _build_lost_error(lease)

    def lock_held_leases(self, session: Session, leases: Collection[Lease]) -> set[str]:
        """The names of those that another has taken; the others are locked to the end of the transaction, so that nobody takes them.

        One that ran out and that nobody took counts as held, unlike in `check`: of work that is wholly within the transaction, such as
        that of a host that slept meanwhile, nothing is lost.
        """
        wanted = {lease.name: lease for lease in leases}
        query = select(LeaseRow).where(LeaseRow.name.in_(wanted)).order_by(LeaseRow.name).with_for_update()
        held = {
            row.name
            for row in session.scalars(query)
            if (row.holder, row.fence) == (wanted[row.name].holder, wanted[row.name].fence)
        }
        return set(wanted) - held

    def find_holder(self, name: str) -> str:
        """Return who holds a lease now, '' where nobody does."""
        with self._database.read() as session:
            row = session.get(LeaseRow, name)
            return row.holder if row is not None and row.until > self._database.now(session) else ""


_RELEASE = (
    update(LeaseRow.__table__)  # type: ignore[arg-type]
    .where(
        LeaseRow.name == bindparam("a_name"),
        LeaseRow.holder == bindparam("a_holder"),
        LeaseRow.fence == bindparam("a_fence"),
    )
    .values(holder="", until=_NEVER)
)


def _build_key(lease: Lease) -> dict[str, object]:
    return {"a_name": lease.name, "a_holder": lease.holder, "a_fence": lease.fence}


def _is_held(lease: Lease) -> ColumnElement[bool]:
    return and_(LeaseRow.name == lease.name, LeaseRow.holder == lease.holder, LeaseRow.fence == lease.fence)


def _build_lost_error(lease: Lease) -> LeaseLostError:
    return LeaseLostError(
        f"the lease {lease.name} (number {lease.fence}) was lost: another process holds it now"
    )
