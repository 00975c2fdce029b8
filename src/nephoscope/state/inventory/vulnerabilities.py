"""Vulnerabilities of packages, and the findings of the machines and images that hold them: opened, closed, opened again.

What is said of a package is kept once, whoever holds it; a finding is a narrow row of a subject, a package and a vulnerability.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (  # fmt: skip
    case,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from nephoscope.state.database.database import Database
from nephoscope.state.inventory.feed_removal_matches import merge_worse_matches
from nephoscope.state.inventory.finding import (
    ClosedBy,
    FindingChanges,
    FindingFilter,
    KnownVulnerability,
    MatchedPackage,
    PackageVulnerability,
    VulnerabilityFinding,
    VulnerabilitySummary,
)
from nephoscope.state.inventory.finding_changes import FACTS, record_changes
from nephoscope.state.inventory.finding_queries import (
    RISK,
    SEVERITIES,
    join_findings,
    order_of_risk,
    select_findings,
    to_finding,
    to_known_vulnerability,
    to_summary,
)
from nephoscope.state.inventory.statement_batches import split_into_parts
from nephoscope.state.inventory.subject import SubjectKind
from nephoscope.state.inventory.vulnerability_index import HolderIndex
from nephoscope.state.tables.inventory_rows import (
    InventoryPackageRow,
    InventorySubjectRow,
    KnownVulnerabilityRow,
    PackageVulnerabilityRow,
    VulnerabilityFindingRow,
)

_Pair = tuple[int, str]
_FINDING, _OF, _KNOWN, _PACKAGE = (
    VulnerabilityFindingRow,
    PackageVulnerabilityRow,
    KnownVulnerabilityRow,
    InventoryPackageRow,
)
_Row = dict[str, Any]


class PairChanges(NamedTuple):
    """The pairs of a package and a vulnerability that came and those that went."""

    came: set[_Pair]
    gone: set[_Pair]


class Vulnerabilities:
    """All vulnerabilities and findings. What changes takes the session of the transaction in which the change is made."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._index = HolderIndex(database)

    def put_matches(self, session: Session, matched: Sequence[MatchedPackage]) -> PairChanges:
        """Keep what matching gave of packages in place of what it gave before; returns the pairs that came and went."""
        before = self._read_known_pairs(session, [one.number for one in matched])
        matched = merge_worse_matches(session, matched)
        rows = [_match_row(one.number, found) for one in matched for found in one.found]
        known = [found.vulnerability for one in matched for found in one.found]
        if any(one.is_exploitation_retained for one in matched):
            known = self._keep_exploitation(session, known)
        self._upsert_known_vulnerabilities(session, known)
        self._database.upsert(session, _OF, rows, ["package", "vulnerability"])
        record_changes(self._database, session, [FACTS] if matched else [])
        now = {(one.number, found.vulnerability.id) for one in matched for found in one.found}
        kept = {one.number: one.rejudged for one in matched if one.keeps_earlier}
        gone = {pair for pair in before - now if pair[0] not in kept or pair[1] in kept[pair[0]]}
        for part in split_into_parts(gone):
            session.execute(delete(_OF).where(tuple_(_OF.package, _OF.vulnerability).in_(part)))
        for flags in {_list_flags(one) for one in matched}:
            for numbers in split_into_parts([one.number for one in matched if _list_flags(one) == flags]):
                session.execute(update(_PACKAGE).where(_PACKAGE.number.in_(numbers)).values(dict(flags)))
        return PairChanges(now - before, gone)

    @staticmethod
    def _read_known_pairs(session: Session, numbers: Iterable[int]) -> set[_Pair]:
        found: set[_Pair] = set()
        for part in split_into_parts(numbers):
            statement = select(_OF.package, _OF.vulnerability).where(_OF.package.in_(part))
            found.update(session.execute(statement))
        return found

    def _keep_exploitation(
        self, session: Session, several: Sequence[KnownVulnerability]
    ) -> list[KnownVulnerability]:
        """Return vulnerabilities; those that were known to be exploited still are."""
        before = self.load_known_vulnerabilities(session, [one.id for one in several if not one.is_exploited])
        return [
            replace(
                one,
                is_exploited=True,
                is_used_by_ransomware=before[one.id].is_used_by_ransomware,
                exploited_since=before[one.id].exploited_since,
            )
            if one.id in before and before[one.id].is_exploited
            else one
            for one in several
        ]

    def _upsert_known_vulnerabilities(self, session: Session, several: Iterable[KnownVulnerability]) -> None:
        rows = {one.id: {**asdict(one), "aliases": list(one.aliases)} for one in several}
        self._database.upsert(session, _KNOWN, list(rows.values()), ["id"])

    @staticmethod
    def load_known_vulnerabilities(session: Session, ids: Iterable[str]) -> dict[str, KnownVulnerability]:
        """Return what is known already of some vulnerabilities, by their ids."""
        found: dict[str, KnownVulnerability] = {}
        for part in split_into_parts(dict.fromkeys(ids)):
            rows = session.execute(select(*_KNOWN.__table__.columns).where(_KNOWN.id.in_(part))).mappings()
            found.update((row["id"], to_known_vulnerability(row)) for row in rows)
        return found

    def refresh(
        self, session: Session, lookup: Callable[[KnownVulnerability], KnownVulnerability]
    ) -> frozenset[str]:
        """Ask again what is known of each vulnerability, and return the ids of those of which something else is known."""
        known = [
            to_known_vulnerability(row)
            for row in session.execute(select(*_KNOWN.__table__.columns)).mappings()
        ]
        changed = [now for one in known if (now := lookup(one)) != one]
        self._upsert_known_vulnerabilities(session, changed)
        record_changes(self._database, session, [FACTS] if changed else [])
        return frozenset(one.id for one in changed)

    def apply(
        self,
        session: Session,
        changes: PairChanges,
        holders: Mapping[int, Sequence[int]],
        now: datetime,
    ) -> FindingChanges:
        """Open and close the findings of subjects that hold packages of which something else is said; `holders` by package."""
        finding_changes = FindingChanges()
        for package, vulnerability in sorted(changes.gone):
            closed = session.execute(
                update(_FINDING)
                .where(
                    _FINDING.package == package,
                    _FINDING.vulnerability == vulnerability,
                    _FINDING.closed.is_(None),
                )
                .values(closed=now, closed_by=ClosedBy.ADVISORY.value)
                .returning(_FINDING.subject)
            ).scalars()
            subjects = frozenset(closed)
            finding_changes += FindingChanges(closed=len(subjects), subjects=subjects)
        opened: list[_Row] = []
        for package, vulnerability in sorted(changes.came):
            pair = _FINDING.package == package, _FINDING.vulnerability == vulnerability
            there = {row["subject"]: row for row in self._read_rows(session, *pair)}
            again = [row for row in there.values() if row["closed"] is not None]
            self._reopen_rows(session, again, now)
            new = [one for one in holders.get(package, ()) if one not in there]
            opened += [_to_new_row(one, package, vulnerability, now, now) for one in new]
            finding_changes += FindingChanges(
                len(new), 0, len(again), frozenset([*new, *(row["subject"] for row in again)])
            )
        if opened:
            session.execute(insert(_FINDING), opened)
        record_changes(self._database, session, finding_changes.subjects)
        return finding_changes

    @staticmethod
    def _read_rows(session: Session, *conditions: Any) -> list[_Row]:
        found = session.execute(select(*_FINDING.__table__.columns).where(*conditions)).mappings()
        return [dict(row) for row in found]

    def _reopen_rows(self, session: Session, rows: Sequence[_Row], now: datetime) -> None:
        again = [
            {
                **row,
                "opened": now, "closed": None, "closed_by": "",
                "earlier": [*row["earlier"], [row["opened"].isoformat(), row["closed"].isoformat()]],
            }
            for row in rows
        ]  # fmt: skip
        self._database.upsert(session, _FINDING, again, ["subject", "package", "vulnerability"])

    def settle(
        self,
        session: Session,
        subject: int,
        members: Collection[int],
        now: datetime,
        unread: Collection[int] = (),
    ) -> FindingChanges:
        """Open and close the findings of a subject by the packages that it holds now.

        `unread` are packages of earlier that stood where nothing could be read now: their findings stay as they are.
        """
        wanted, held, lost = self._read_known_pairs(session, members), set(members), set(unread)
        rows = self._load_rows(session, subject)
        closed = {pair for pair in _list_open_pairs(rows) - wanted if pair[0] not in lost}
        self._close_rows(
            session, subject, {pair for pair in closed if pair[0] in held}, ClosedBy.ADVISORY, now
        )
        self._close_rows(
            session, subject, {pair for pair in closed if pair[0] not in held}, ClosedBy.PACKAGE, now
        )
        return self._open_and_reopen_pairs(session, subject, rows, wanted, closed, {}, now)

    def settle_reported_findings(
        self,
        session: Session,
        subject: int,
        wanted: Mapping[tuple[int, str], datetime | None],
        now: datetime,
        *,
        closes: bool = True,
    ) -> FindingChanges:
        """Open and close the findings of a subject by the pairs that a scanner reports of it, each with since when it is seen.

        None = it does not say. With `closes` False what it no longer reports stays open.
        """
        rows = self._load_rows(session, subject)
        closed = _list_open_pairs(rows) - wanted.keys() if closes else set[_Pair]()
        self._close_rows(session, subject, closed, ClosedBy.SCANNER, now)
        since = {pair: min(first, now) for pair, first in wanted.items() if first is not None}
        return self._open_and_reopen_pairs(session, subject, rows, set(wanted), closed, since, now)

    def _load_rows(self, session: Session, subject: int) -> dict[_Pair, _Row]:
        found = self._read_rows(session, _FINDING.subject == subject)
        return {(row["package"], row["vulnerability"]): row for row in found}

    @staticmethod
    def _close_rows(
        session: Session, subject: int, pairs: Collection[_Pair], reason: ClosedBy, now: datetime
    ) -> None:
        for part in split_into_parts(pairs):
            pair = tuple_(_FINDING.package, _FINDING.vulnerability)
            found = update(_FINDING).where(_FINDING.subject == subject, pair.in_(part))
            session.execute(found.values(closed=now, closed_by=reason.value))

    def _open_and_reopen_pairs(
        self,
        session: Session, subject: int, rows: Mapping[_Pair, _Row], wanted: Collection[_Pair],
        closed: Collection[_Pair], known_since: Mapping[_Pair, datetime], now: datetime,
    ) -> FindingChanges:  # fmt: skip
        """Open the pairs that are new and open again those that were closed; `known_since` is when each pair was first seen."""
        again = [rows[pair] for pair in wanted if pair in rows and rows[pair]["closed"] is not None]
        self._reopen_rows(session, again, now)
        new = set(wanted) - rows.keys()
        if new:
            since = {**self._read_since(session, rows, new), **known_since}
            made = [_to_new_row(subject, *pair, since.get(pair, now), now) for pair in sorted(new)]
            session.execute(insert(_FINDING), made)
        touched = [subject] if new or closed or again else []
        record_changes(self._database, session, touched)
        return FindingChanges(len(new), len(closed), len(again), frozenset(touched))

    @staticmethod
    def _read_since(
        session: Session, rows: Mapping[_Pair, _Row], new: Collection[_Pair]
    ) -> dict[_Pair, datetime]:
        """Return since when each new pair was seen in another version of its package that had the finding until now."""
        open_ = {pair: row["first_seen"] for pair, row in rows.items() if row["closed"] is None}
        names: dict[int, tuple[str, str]] = {}
        for part in split_into_parts({pair[0] for pair in [*open_, *new]}):
            statement = select(_PACKAGE.number, _PACKAGE.type, _PACKAGE.name)
            for number, type_, name in session.execute(statement.where(_PACKAGE.number.in_(part))):
                names[number] = type_, name
        earliest: dict[tuple[tuple[str, str] | None, str], datetime] = {}
        for (package, vulnerability), first in open_.items():
            key = names.get(package), vulnerability
            earliest[key] = min(first, earliest.get(key, first))
        found = {pair: earliest.get((names.get(pair[0]), pair[1])) for pair in new}
        return {pair: first for pair, first in found.items() if first is not None}

    def findings(self, wanted: FindingFilter) -> list[VulnerabilityFinding]:
        """Return findings, the riskiest first: exploited, severe, likely to be exploited soon, high in score, mendable."""
        with self._database.read() as session:
            return self.list_findings_in_transaction(session, wanted)

    @staticmethod
    def list_findings_in_transaction(session: Session, wanted: FindingFilter) -> list[VulnerabilityFinding]:
        """Return what `findings` does, within a transaction."""
        rows = session.execute(select_findings(wanted).order_by(*RISK).limit(wanted.most)).mappings()
        return [to_finding(row) for row in rows]

    def bodies(self, findings: Iterable[VulnerabilityFinding]) -> dict[_Pair, bytes]:
        """Return what matching gave of the package and the vulnerability of some findings, as JSON."""
        found: dict[_Pair, bytes] = {}
        with self._database.read() as session:
            for part in split_into_parts({(one.package, one.vulnerability.id) for one in findings}):
                statement = select(_OF.package, _OF.vulnerability, _OF.body)
                for package, name, body in session.execute(
                    statement.where(tuple_(_OF.package, _OF.vulnerability).in_(part))
                ):
                    found[package, name] = body
        return found

    def list_summaries(self, wanted: FindingFilter) -> list[VulnerabilitySummary]:
        """Return the vulnerabilities of subjects with who has them, however many scanners saw it there, the riskiest first.

        Since when is told by `first_seen`.
        """
        if wanted.package or wanted.with_closed:
            return self.read_summaries(wanted)
        return self._index.list_summaries(wanted)

    def map_first_seen_times(self, wanted: FindingFilter, ids: Iterable[str]) -> dict[str, datetime]:
        """Return since when vulnerabilities are seen on the subjects and packages that are asked for, by their ids."""
        found: dict[str, datetime] = {}
        statement: Any = select(_FINDING.vulnerability, func.min(_FINDING.first_seen))
        joined = join_findings(statement, wanted).group_by(_FINDING.vulnerability)
        with self._database.read() as session:
            for part in split_into_parts(ids):
                found.update(session.execute(joined.where(_FINDING.vulnerability.in_(part))).all())
        return found

    def read_summaries(self, wanted: FindingFilter) -> list[VulnerabilitySummary]:
        """Return what `summaries` does, counted by the database."""
        one = InventorySubjectRow.tenant + "/" + InventorySubjectRow.kind + "/" + InventorySubjectRow.key
        machine = case((InventorySubjectRow.kind == SubjectKind.MACHINE.value, one))
        image = case((InventorySubjectRow.kind == SubjectKind.IMAGE.value, one))
        fixable = case((_OF.fixed_version != "", one))
        statement = select(
            *_KNOWN.__table__.columns,
            func.max(_OF.rank).label("rank"),
            func.max(_OF.score).label("score"),
            func.count(machine.distinct()).label("machines"),
            func.count(image.distinct()).label("images"),
            func.count(fixable.distinct()).label("fixable"),
            func.min(_FINDING.first_seen).label("since"),
        )
        grouped = join_findings(statement, wanted).group_by(*_KNOWN.__table__.columns)
        order = order_of_risk(func.max(_OF.rank), func.max(_OF.score))
        with self._database.read() as session:
            rows = session.execute(grouped.order_by(*order).limit(wanted.most)).mappings()
            return [to_summary(row) for row in rows]

    def count_by_severity(self, wanted: FindingFilter) -> dict[int, dict[str, int]]:
        """Return how many vulnerabilities of each severity subjects have, by their ids; each counts by its severest package."""
        worst = func.coalesce(func.max(_OF.rank), 0).label("rank")
        columns: tuple[Any, ...] = (_FINDING.subject, worst)
        each = join_findings(select(*columns), wanted)
        grouped = each.group_by(_FINDING.subject, _FINDING.vulnerability).subquery()
        statement = select(grouped.c.subject, grouped.c.rank, func.count())
        found: dict[int, dict[str, int]] = {}
        with self._database.read() as session:
            for subject, rank, count in session.execute(
                statement.group_by(grouped.c.subject, grouped.c.rank)
            ):
                found.setdefault(subject, {})[SEVERITIES[rank]] = count
        return found


def _list_open_pairs(rows: Mapping[_Pair, _Row]) -> set[_Pair]:
    return {pair for pair, row in rows.items() if row["closed"] is None}


def _list_flags(one: MatchedPackage) -> tuple[tuple[str, bool], ...]:
    """Return the columns of a package that a match sets: after a removal what could not be compared still could not."""
    is_kept = one.is_removal and not one.is_undetermined
    return (("is_pending", one.is_pending), *(() if is_kept else (("is_undetermined", one.is_undetermined),)))


def _match_row(number: int, found: PackageVulnerability) -> _Row:
    return {
        "package": number, "vulnerability": found.vulnerability.id, "severity": found.severity, "rank": found.rank,
        "score": found.score, "state": found.state, "fixed_version": found.fixed_version, "body": found.body,
    }  # fmt: skip


def _to_new_row(subject: int, package: int, vulnerability: str, first_seen: datetime, now: datetime) -> _Row:
    return {
        "subject": subject, "package": package, "vulnerability": vulnerability, "first_seen": first_seen, "opened": now,
        "closed": None, "closed_by": "", "earlier": [],
    }  # fmt: skip
