"""Attempts to sign in: what was sent to a provider and waits for its answer, good once and for ten minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, Text, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import Base, UtcDateTime

LASTS = timedelta(minutes=10)
#: Whoever begins more than so many lets the oldest go: the table stays small however much is begun.
MOST = 5_000


class SignInAttemptRow(Base):
    """An attempt; of its state and of the browser's cookie only hashes are kept."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (Index("ix_sign_in_attempts_begun", "begun"),)
    state: Mapped[str] = mapped_column(Text, primary_key=True)
    browser: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    nonce: Mapped[str] = mapped_column(Text)
    verifier: Mapped[str] = mapped_column(Text)
    redirect: Mapped[str] = mapped_column(Text)
    next: Mapped[str] = mapped_column(Text)
    begun: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """An attempt: `state` and `browser` are hashes, `redirect` is where the provider answers to, `next` the page to go to then."""

    state: str
    browser: str
    provider: str
    nonce: str
    verifier: str
    redirect: str
    next: str


class SignInAttempts:
    """All attempts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, attempt: SignInAttempt) -> None:
        """Keep an attempt; those that are over go."""
        with self._database.write() as session:
            now = self._database.now(session)
            session.execute(delete(SignInAttemptRow).where(SignInAttemptRow.begun <= now - LASTS))
            surplus = (session.scalar(select(func.count()).select_from(SignInAttemptRow)) or 0) - MOST + 1
            if surplus > 0:
                oldest = select(SignInAttemptRow.state).order_by(SignInAttemptRow.begun).limit(surplus)
                session.execute(delete(SignInAttemptRow).where(SignInAttemptRow.state.in_(oldest)))
            session.add(
                SignInAttemptRow(
                    state=attempt.state, browser=attempt.browser, provider=attempt.provider, nonce=attempt.nonce,
                    verifier=attempt.verifier, redirect=attempt.redirect, next=attempt.next, begun=now,
                )
            )  # fmt: skip

    def pop(self, state: str, browser: str) -> SignInAttempt | None:
        """The attempt of a state that this browser began, which is over then; None for every other, which stays."""
        row = SignInAttemptRow
        with self._database.write() as session:
            wanted = (
                row.state == state,
                row.browser == browser,
                row.begun > self._database.now(session) - LASTS,
            )
            found = session.execute(delete(row).where(*wanted).returning(
                row.state, row.browser, row.provider, row.nonce, row.verifier, row.redirect, row.next,
            )).one_or_none()  # fmt: skip
            return None if found is None else SignInAttempt(*found)
