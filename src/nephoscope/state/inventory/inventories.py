"""Inventories of machines and images: subjects, and their packages, each distinct package and each distinct set of them kept once.

A set lists the numbers of its packages, so that whoever asks which subjects hold a package reads 800 bytes for a set of 200 packages.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Row, delete, exists, func, insert, select, tuple_
from sqlalchemy.orm import Session

from nephoscope.model.package import Package
from nephoscope.model.read_scope import Reach
from nephoscope.model.running_container import RunningContainer
from nephoscope.state.database.database import Database
from nephoscope.state.database.state_errors import StateError
from nephoscope.state.inventory.finding_changes import find_newest_change_number, record_changes
from nephoscope.state.inventory.image_examinations import drop_examinations
from nephoscope.state.inventory.statement_batches import BATCH, split_into_parts
from nephoscope.state.inventory.subject import InventorySubject, SubjectFilter, SubjectKind, UnreadPlace
from nephoscope.state.tables.inventory_rows import (
    ImageListingRow,
    InventoryPackageRow,
    InventorySubjectRow,
    PackageNameRow,
    PackageSetRow,
    VulnerabilityFindingRow,
)

#: Subjects that a data folder holds at most: what reports without end is stopped, and told why.
MOST_SUBJECTS = 200_000
#: How long a listing of images says what a resource holds or runs.
LISTING_HOLDS = timedelta(days=2)
#: Containers of a listing that are kept at most, as where its images run: the images themselves are all kept.
MOST_CONTAINERS = 5_000
_QUEUE = "inventories"
_FIELDS = tuple(one.name for one in fields(InventorySubject))
_COLUMNS = tuple(getattr(InventorySubjectRow, one) for one in _FIELDS)
_KIND, _TAGS, _UNREAD = (_FIELDS.index(one) for one in ("kind", "tags", "unread"))
_ENCODER = msgspec.msgpack.Encoder()
_PACKAGE = msgspec.msgpack.Decoder(Package)
_PACKAGES = msgspec.msgpack.Decoder(tuple[Package, ...])


@dataclass(frozen=True, slots=True)
class NamedPackage:
    """A package without its place, and the (ecosystem, name) that advisories know it by.

    `kind` is the same for packages that the same feeds speak of, so that all of them are assessed or none is. `scanner` is who named
    it where advisories are not asked ('' = they are): it is another package than the one of the same name that they are asked about.
    """

    package: Package
    names: tuple[tuple[str, str], ...]
    kind: str
    scanner: str = ""

    @property
    def digest(self) -> str:
        """The digest by which it is found."""
        content = _ENCODER.encode(self.package) + self.scanner.encode()
        return hashlib.blake2b(content, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class ImageListing:
    """The digests of all images that a registry holds or a resource runs at a time, by its lower-cased ARM id.

    An image of which no digest is known stands in `digests` by its name. `containers` are those that run the images, as far as
    somebody tells them, by the same digests and names.
    """

    resource_id: str
    tenant: str
    listed_at: datetime
    digests: frozenset[str]
    containers: tuple[RunningContainer, ...] = ()


class Inventories:
    """All inventories. What changes takes the session of the transaction in which the change is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unknown(self, packages: Iterable[NamedPackage]) -> dict[str, NamedPackage]:
        """Return, by their digests, those of some packages that nobody held yet."""
        every = {one.digest: one for one in packages}
        with self._database.read() as session:
            known = self._read_numbers(session, every)
        return {digest: one for digest, one in every.items() if digest not in known}

    def list_numbers(self, session: Session, packages: Iterable[NamedPackage]) -> list[int]:
        """Return the numbers of those of some packages that are kept."""
        return list(self._read_numbers(session, [one.digest for one in packages]).values())

    def enter_packages(
        self, session: Session, packages: Sequence[NamedPackage]
    ) -> tuple[list[int], frozenset[int]]:
        """Return the numbers of packages, and those entered now: they are pending until matches are put."""
        self._database.queue(session, _QUEUE)
        digests = [one.digest for one in packages]
        known = self._read_numbers(session, digests)
        missing = {digest: one for digest, one in zip(digests, packages, strict=True) if digest not in known}
        if not missing:
            return [known[digest] for digest in digests], frozenset()
        session.execute(
            insert(InventoryPackageRow), [_build_package_row(digest, one) for digest, one in missing.items()]
        )
        entered = self._read_numbers(session, missing)
        rows = [
            {"ecosystem": ecosystem, "name": name, "package": entered[digest]}
            for digest, one in missing.items()
            for ecosystem, name in dict.fromkeys(one.names)
        ]
        if rows:
            session.execute(insert(PackageNameRow), rows)
        known |= entered
        return [known[digest] for digest in digests], frozenset(entered.values())

    @staticmethod
    def _read_numbers(session: Session, digests: Iterable[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for part in split_into_parts(dict.fromkeys(digests)):
            statement = select(InventoryPackageRow.digest, InventoryPackageRow.number)
            found.update(session.execute(statement.where(InventoryPackageRow.digest.in_(part))).all())
        return found

    def put_set(
        self,
        session: Session,
        named: Sequence[NamedPackage],
        numbers: Sequence[int],
        packages: Sequence[Package],
    ) -> str:
        """Keep the set of some packages, given with their numbers and again with their places; return its digest."""
        packed = _ENCODER.encode(tuple(packages))
        digest = hashlib.blake2b(packed, digest_size=16).hexdigest()
        if session.get(PackageSetRow, digest) is None:
            values = {
                "digest": digest, "kinds": _list_kinds(named, numbers), "members": array("I", sorted(set(numbers))).tobytes(),
                "packages": zlib.compress(packed, 6),
            }  # fmt: skip
            session.execute(self._database.insert(PackageSetRow, values).on_conflict_do_nothing())
        return digest

    def put(self, session: Session, subject: InventorySubject) -> InventorySubject:
        """Keep a subject in place of what was known of it; StateError where a later scan is kept, or there are too many."""
        before = self.find(session, subject)
        if before is None and self._count_subjects(session) >= MOST_SUBJECTS:
            raise StateError(
                f"there are {MOST_SUBJECTS:,} inventories already: delete inventories of images and machines that no longer exist"
            )
        if before is not None and before.scanned_at > subject.scanned_at:
            raise StateError(
                f"{subject.name} was scanned later, at {before.scanned_at.isoformat()}: this scan is older"
            )
        values = _build_subject_row(subject)
        if before is None:
            made = session.execute(insert(InventorySubjectRow).returning(InventorySubjectRow.id), [values])
            new = replace(subject, id=made.scalar_one())
            record_changes(self._database, session, [new.id])
            return new
        self._database.upsert(session, InventorySubjectRow, [{**values, "id": before.id}], ["id"])
        record_changes(self._database, session, [before.id])
        if before.package_set != subject.package_set:
            self._drop_set(session, before.package_set)
        return replace(subject, id=before.id)

    @staticmethod
    def _count_subjects(session: Session) -> int:
        return session.scalar(select(func.count()).select_from(InventorySubjectRow)) or 0

    @staticmethod
    def find(session: Session, subject: InventorySubject) -> InventorySubject | None:
        """Return what is kept of a subject, by its tenant, kind, key and scanner."""
        row = InventorySubjectRow
        statement = select(*_COLUMNS).where(
            row.tenant == subject.tenant,
            row.kind == subject.kind.value,
            row.key == subject.key,
            row.scanner == subject.scanner,
        )
        found = session.execute(statement).first()
        return None if found is None else _build_subject(found)

    def remove(self, session: Session, ids: Collection[int]) -> None:
        """Forget subjects, with their findings and what only they held."""
        record_changes(self._database, session, ids)
        for part in split_into_parts(ids):
            wanted = InventorySubjectRow.id.in_(part)
            sets = session.scalars(select(InventorySubjectRow.package_set).where(wanted)).all()
            session.execute(delete(VulnerabilityFindingRow).where(VulnerabilityFindingRow.subject.in_(part)))
            drop_examinations(session, part)
            session.execute(delete(InventorySubjectRow).where(wanted))
            for digest in dict.fromkeys(sets):
                self._drop_set(session, digest)

    @staticmethod
    def _drop_set(session: Session, digest: str) -> None:
        held = exists().where(InventorySubjectRow.package_set == PackageSetRow.digest)
        session.execute(delete(PackageSetRow).where(PackageSetRow.digest == digest, ~held))

    def list_subjects(self, wanted: SubjectFilter) -> list[InventorySubject]:
        """Return subjects by their ids, `most` of them after an id."""
        row = InventorySubjectRow
        statement = (
            select(*_COLUMNS)
            .where(wanted.condition(), row.id > wanted.after)
            .order_by(row.id)
            .limit(wanted.most)
        )
        with self._database.read() as session:
            return [_build_subject(one) for one in session.execute(statement)]

    def find_newest_change_number(self) -> int:
        """Return a number that rises whenever a subject, its packages or its findings change."""
        with self._database.read() as session:
            return find_newest_change_number(session)

    def map_machine_resources(self, reach: Reach) -> dict[int, str]:
        """Return the ids in ARM of the machines that a reach lets read, by the ids of those that have one."""
        row = InventorySubjectRow
        wanted = SubjectFilter(reach, SubjectKind.MACHINE).condition()
        with self._database.read() as session:
            return dict(
                session.execute(select(row.id, row.resource_id).where(wanted, row.resource_id != "")).all()
            )

    def find_kept_digests(self, digests: Iterable[str]) -> frozenset[str]:
        """Return those of some digests of which an image is kept."""
        row, found = InventorySubjectRow, set[str]()
        with self._database.read() as session:
            for part in split_into_parts(dict.fromkeys(digests)):
                wanted = (row.kind == SubjectKind.IMAGE.value, row.digest.in_(part))
                found.update(session.scalars(select(row.digest).where(*wanted)))
        return frozenset(found)

    def list_packages(self, package_set: str) -> tuple[Package, ...]:
        """Return the packages of a set with their places."""
        with self._database.read() as session:
            packed = session.scalar(select(PackageSetRow.packages).where(PackageSetRow.digest == package_set))
        return () if packed is None else _PACKAGES.decode(zlib.decompress(packed))

    @staticmethod
    def members(session: Session, package_set: str) -> array[int]:
        """Return the numbers of the packages of a set, rising."""
        packed = session.scalar(select(PackageSetRow.members).where(PackageSetRow.digest == package_set))
        return array("I", packed or b"")

    @staticmethod
    def find_packages_by_name(session: Session, text: str, most: int) -> dict[int, tuple[str, str, str]]:
        """Return the type, name and version of at most so many packages whose name has a text, by their numbers."""
        row = InventoryPackageRow
        statement = select(row.number, row.type, row.name, row.version).where(
            row.name.icontains(text, autoescape=True)
        )
        found = session.execute(statement.order_by(func.length(row.name), row.number).limit(most))
        return {number: (type_, name, version) for number, type_, name, version in found}

    @staticmethod
    def map_holders(session: Session, packages: Collection[int]) -> dict[int, list[int]]:
        """Return the subjects that hold each of some packages."""
        wanted, by_set = frozenset(packages), dict[str, list[int]]()
        statement = select(PackageSetRow.digest, PackageSetRow.members)
        for digest, packed in session.execute(statement.execution_options(yield_per=BATCH)):
            if held := wanted.intersection(array("I", packed)):
                by_set[digest] = list(held)
        found: dict[int, list[int]] = {}
        for subject, digest in session.execute(
            select(InventorySubjectRow.id, InventorySubjectRow.package_set)
        ):
            for number in by_set.get(digest, ()):
                found.setdefault(number, []).append(subject)
        return found

    @staticmethod
    def kinds(session: Session, package_sets: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
        """Return, by sets, the number of a package of each kind of the set, and how many packages of that kind it has."""
        row, found = PackageSetRow, dict[str, list[tuple[int, int]]]()
        for part in split_into_parts(dict.fromkeys(package_sets)):
            for digest, kinds in session.execute(select(row.digest, row.kinds).where(row.digest.in_(part))):
                found[digest] = [(number, count) for number, count in kinds]
        return found

    @staticmethod
    def count_undetermined_packages(session: Session, package_sets: Iterable[str]) -> dict[str, int]:
        """Return how many packages of each set have a version that could not be compared with what is said of them."""
        package, row = InventoryPackageRow, PackageSetRow
        those = frozenset(session.scalars(select(package.number).where(package.is_undetermined)))
        if not those:
            return {}
        found: dict[str, int] = {}
        for part in split_into_parts(dict.fromkeys(package_sets)):
            for digest, packed in session.execute(
                select(row.digest, row.members).where(row.digest.in_(part))
            ):
                found[digest] = len(those.intersection(array("I", packed)))
        return found

    @staticmethod
    def find_outdated_subjects(session: Session, changed: Collection[tuple[str, str]] | None) -> list[int]:
        """Return the packages that a changed (ecosystem, name) is about, those pending among them; None = every package.

        Those that another scanner named are none of them.
        """
        number, own = InventoryPackageRow.number, InventoryPackageRow.scanner == ""
        if changed is None:
            return list(session.scalars(select(number).where(own).order_by(number)))
        found = set(session.scalars(select(number).where(InventoryPackageRow.is_pending)))
        for part in split_into_parts(changed):
            key = tuple_(PackageNameRow.ecosystem, PackageNameRow.name)
            found.update(session.scalars(select(PackageNameRow.package).where(key.in_(part))))
        return sorted(found)

    @staticmethod
    def bodies(session: Session, numbers: Collection[int]) -> Mapping[int, Package]:
        """Return packages, without their places, by their numbers."""
        row, found = InventoryPackageRow, dict[int, Package]()
        for part in split_into_parts(numbers):
            for number, body in session.execute(select(row.number, row.body).where(row.number.in_(part))):
                found[number] = _PACKAGE.decode(body)
        return found

    def list_images(self, session: Session, listing: ImageListing) -> None:
        """Keep which images a registry holds or a cluster runs, in place of an older listing."""
        before = session.get(ImageListingRow, listing.resource_id)
        if before is None or before.listed_at <= listing.listed_at:
            containers = [list(one) for one in listing.containers[:MOST_CONTAINERS]]
            values = {**asdict(listing), "digests": sorted(listing.digests), "containers": containers}
            self._database.upsert(session, ImageListingRow, [values], ["resource_id"])

    def listing(self, resource_id: str) -> ImageListing | None:
        """Return the images of a registry or a cluster, None where they were never listed."""
        with self._database.read() as session:
            found = session.get(ImageListingRow, resource_id)
            if found is None:
                return None
            containers = tuple(RunningContainer(*one) for one in found.containers)
            digests = frozenset(found.digests)
            return ImageListing(found.resource_id, found.tenant, found.listed_at, digests, containers)

    def list_listings(self) -> list[ImageListing]:
        """Return all listings, without their containers."""
        row = ImageListingRow
        statement = select(row.resource_id, row.tenant, row.listed_at, row.digests).order_by(row.resource_id)
        with self._database.read() as session:
            return [
                ImageListing(id_, tenant, listed_at, frozenset(digests))
                for id_, tenant, listed_at, digests in session.execute(statement)
            ]


def _list_kinds(named: Sequence[NamedPackage], numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return a package of each kind with the count of the packages of that kind."""
    first, counts = dict[str, int](), Counter[str]()
    for one, number in zip(named, numbers, strict=True):
        first.setdefault(one.kind, number)
        counts[one.kind] += 1
    return [(first[kind], count) for kind, count in counts.items()]


def _build_package_row(digest: str, one: NamedPackage) -> dict[str, object]:
    package = one.package
    return {
        "digest": digest, "type": package.type, "name": package.name, "version": package.version,
        "body": _ENCODER.encode(package), "is_pending": not one.scanner, "is_undetermined": False, "scanner": one.scanner,
    }  # fmt: skip


def _build_subject_row(subject: InventorySubject) -> dict[str, object]:
    values = {**asdict(subject), "kind": subject.kind.value, "tags": list(subject.tags)}
    del values["id"]
    return values


def _build_subject(row: Row[Any]) -> InventorySubject:
    """Return the subject of a row of _COLUMNS, the fields of a subject in their order."""
    values = list(row)
    values[_KIND] = SubjectKind(values[_KIND])
    values[_TAGS] = tuple(values[_TAGS])
    values[_UNREAD] = tuple(UnreadPlace(**one) for one in values[_UNREAD])
    return InventorySubject(*values)
