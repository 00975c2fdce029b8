"""In-memory index of the holders of vulnerabilities: counts for lists by vulnerability, for any subjects, in milliseconds.

An open finding is a bit: of the package and the vulnerability, by the machine or image, in a layer for each scanner, so that what
several scanners saw is one after the layers are laid over each other. What changed since is read again by the marks of
finding_changes, a subject at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from nephoscope.state.database.database import Database
from nephoscope.state.inventory.finding import FindingFilter, KnownVulnerability, VulnerabilitySummary
from nephoscope.state.inventory.finding_changes import (
    FACTS,
    find_newest_change_number,
    list_subjects_changed_since,
)
from nephoscope.state.inventory.finding_queries import SEVERITIES, to_known_vulnerability
from nephoscope.state.inventory.statement_batches import split_into_parts
from nephoscope.state.inventory.subject import SubjectFilter, SubjectKind
from nephoscope.state.tables.inventory_rows import (
    InventorySubjectRow,
    KnownVulnerabilityRow,
    PackageVulnerabilityRow,
    VulnerabilityFindingRow,
)

#: A package by its number and the id of a vulnerability.
_Pair = tuple[int, str]
_FINDING, _OF, _SUBJECT = VulnerabilityFindingRow, PackageVulnerabilityRow, InventorySubjectRow


class _HolderPairs(NamedTuple):
    """The pairs of a subject: the layer of its scanner and its bit in it."""

    layer: int
    bit: int
    pairs: array[int]


class _PackageState(NamedTuple):
    """What is said of a package: the rank of the severity, the score, and whether a version mends it."""

    rank: int = 0
    score: float | None = None
    is_fixed: bool = False


@dataclass(slots=True)
class _HolderCount:
    """What was counted of a vulnerability so far: bits of those that have it, and of those that can mend it."""

    holders: int = 0
    fixable: int = 0
    rank: int = 0
    score: float | None = None


@dataclass(slots=True)
class HolderIndex:
    """The open findings of a database; one for a process."""

    database: Database
    _lock: Lock = field(default_factory=Lock)
    _change: int | None = None
    _layers: dict[str, int] = field(default_factory=dict)
    _bits: list[list[int]] = field(default_factory=list)
    _places: dict[tuple[str, ...], int] = field(default_factory=dict)
    _machines: int = 0
    _numbers: dict[_Pair, int] = field(default_factory=dict)
    _pairs: list[_Pair] = field(default_factory=list)
    _holdings: dict[int, _HolderPairs] = field(default_factory=dict)
    _said: dict[_Pair, _PackageState] = field(default_factory=dict)
    _known: dict[str, KnownVulnerability] = field(default_factory=dict)

    def list_summaries(self, wanted: FindingFilter) -> list[VulnerabilitySummary]:
        """Return the vulnerabilities that subjects have, the riskiest first, without since when.

        Closed findings and single packages are not asked of it.
        """
        with self._lock:
            with self.database.read() as session:
                self._refresh_index(session)
                masks = self._read_masks(session, wanted.subjects)
            counted = self._count_holders(wanted, masks)
            found = [self._build_summary(id_, one) for id_, one in counted.items()]
        return sorted(found, key=_build_risk_key)[: wanted.most]

    def _count_holders(self, wanted: FindingFilter, masks: Sequence[int]) -> dict[str, _HolderCount]:
        counted: dict[str, _HolderCount] = {}
        named = self._find_named_vulnerabilities(wanted)
        nothing = _PackageState()
        for number, pair in enumerate(self._pairs):
            said = self._said.get(pair, nothing)
            if pair[1] not in named or said.rank < wanted.rank or (wanted.is_fixable and not said.is_fixed):
                continue
            holders = 0
            for bits, mask in zip(self._bits, masks, strict=True):
                holders |= bits[number] & mask
            if not holders:
                continue
            one = counted.setdefault(pair[1], _HolderCount())
            one.holders |= holders
            one.fixable |= holders if said.is_fixed else 0
            one.rank = max(one.rank, said.rank)
            one.score = max((each for each in (one.score, said.score) if each is not None), default=None)
        return counted

    def _find_named_vulnerabilities(self, wanted: FindingFilter) -> dict[str, KnownVulnerability] | set[str]:
        """Return the vulnerabilities that are asked for by what is known of them."""
        if not (wanted.vulnerability or wanted.text or wanted.is_exploited):
            return self._known
        text = wanted.text.lower()
        return {
            one.id
            for one in self._known.values()
            if (not wanted.vulnerability or one.id == wanted.vulnerability)
            and (not wanted.is_exploited or one.is_exploited)
            and text in "\n".join((one.id, one.summary, *one.aliases)).lower()
        }

    def _build_summary(self, id_: str, one: _HolderCount) -> VulnerabilitySummary:
        machines = (one.holders & self._machines).bit_count()
        images = one.holders.bit_count() - machines
        fixable = one.fixable.bit_count()
        return VulnerabilitySummary(
            self._known[id_], SEVERITIES[one.rank], one.score, machines, images, fixable
        )

    def _read_masks(self, session: Session, subjects: SubjectFilter) -> list[int]:
        """Return the bits of the subjects that are asked for, a mask for each layer."""
        if subjects == SubjectFilter(subjects.reach) and subjects.reach.everything:
            return [-1] * len(self._bits)
        ids = session.scalars(select(_SUBJECT.id).where(subjects.condition()))
        found = [bytearray(len(self._places) // 8 + 1) for _ in self._bits]
        for id_ in ids:
            if (holding := self._holdings.get(id_)) is not None:
                found[holding.layer][holding.bit >> 3] |= 1 << (holding.bit & 7)
        return [int.from_bytes(one, "little") for one in found]

    def _refresh_index(self, session: Session) -> None:
        """Read what changed since the last time, all of it the first time."""
        newest = find_newest_change_number(session)
        if newest == self._change:
            return
        if self._change is None:
            self._read_facts(session)
            self._load_findings(session)
        else:
            changed = list_subjects_changed_since(session, self._change)
            if FACTS in changed:
                self._read_facts(session)
            for part in split_into_parts(changed):
                self._read_subjects(session, part)
        self._change = newest

    def _read_facts(self, session: Session) -> None:
        rows = session.execute(select(_OF.package, _OF.vulnerability, _OF.rank, _OF.score, _OF.fixed_version))
        self._said = {
            (package, vulnerability): _PackageState(rank, score, bool(fixed))
            for package, vulnerability, rank, score, fixed in rows
        }
        every = session.execute(select(*KnownVulnerabilityRow.__table__.columns)).mappings()
        self._known = {row["id"]: to_known_vulnerability(row) for row in every}

    def _load_findings(self, session: Session) -> None:
        """Read every open finding, those of a pair at once."""
        self._holdings = {
            id_: _HolderPairs(*seat, array("I")) for id_, seat in self._read_seats(session, None)
        }
        statement = select(
            _FINDING.package,
            _FINDING.vulnerability,
            func.aggregate_strings(cast(_FINDING.subject, Text), ","),
        )
        grouped = statement.where(_FINDING.closed.is_(None)).group_by(
            _FINDING.vulnerability, _FINDING.package
        )
        size = len(self._places) // 8 + 1
        for package, vulnerability, subjects in session.execute(grouped):
            number = self._number_pair((package, vulnerability))
            rows = [bytearray(size) for _ in self._bits]
            for holding in map(self._holdings.get, map(int, subjects.split(","))):
                if holding is not None:
                    layer, bit, numbers = holding
                    rows[layer][bit >> 3] |= 1 << (bit & 7)
                    numbers.append(number)
            for bits, row in zip(self._bits, rows, strict=True):
                bits[number] = int.from_bytes(row, "little")

    def _read_subjects(self, session: Session, subjects: list[int]) -> None:
        """Read the open findings of subjects anew."""
        for one in subjects:
            self._remove_subject(one)
        statement = select(_FINDING.subject, _FINDING.package, _FINDING.vulnerability)
        found: dict[int, list[_Pair]] = {}
        wanted = _FINDING.closed.is_(None), _FINDING.subject.in_(subjects)
        for subject, package, vulnerability in session.execute(statement.where(*wanted)):
            found.setdefault(subject, []).append((package, vulnerability))
        for subject, (layer, bit) in self._read_seats(session, subjects):
            numbers = array("I", map(self._number_pair, found.get(subject, ())))
            bits = self._bits[layer]
            for number in numbers:
                bits[number] |= 1 << bit
            self._holdings[subject] = _HolderPairs(layer, bit, numbers)

    def _read_seats(
        self, session: Session, subjects: list[int] | None
    ) -> Iterator[tuple[int, tuple[int, int]]]:
        """Give the layer and the bit of subjects, None = of all."""
        statement = select(_SUBJECT.id, _SUBJECT.scanner, _SUBJECT.tenant, _SUBJECT.kind, _SUBJECT.key)
        if subjects is not None:
            statement = statement.where(_SUBJECT.id.in_(subjects))
        for id_, scanner, *place in session.execute(statement):
            layer = self._layers.setdefault(scanner, len(self._layers))
            if layer == len(self._bits):
                self._bits.append([0] * len(self._pairs))
            bit = self._places.setdefault(tuple(place), len(self._places))
            if place[1] == SubjectKind.MACHINE.value:
                self._machines |= 1 << bit
            yield id_, (layer, bit)

    def _number_pair(self, pair: _Pair) -> int:
        number = self._numbers.get(pair)
        if number is None:
            number = self._numbers[pair] = len(self._pairs)
            self._pairs.append(pair)
            for bits in self._bits:
                bits.append(0)
        return number

    def _remove_subject(self, subject: int) -> None:
        holding = self._holdings.pop(subject, None)
        if holding is None:
            return
        bits, others = self._bits[holding.layer], ~(1 << holding.bit)
        for number in holding.pairs:
            bits[number] &= others


def _build_risk_key(one: VulnerabilitySummary) -> tuple[bool, int, float, float, str]:
    known = one.vulnerability
    rank = SEVERITIES.index(one.severity)
    return not known.is_exploited, -rank, -(known.probability or 0.0), -(one.score or 0.0), known.id
