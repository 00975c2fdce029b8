"""Image examinations: malware, secrets, configuration and licenses that scans found in images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Literal

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nephoscope.state.database.database import Database
from nephoscope.state.inventory.statement_batches import split_into_parts
from nephoscope.state.tables.inventory_rows import ImageExaminationRow

#: Findings of an image that are stored at most; the counts are of all of them.
MOST_FINDINGS = 2_000
ImageFindingKind = Literal[
    "malware", "suspicious", "secret", "configuration", "configuration_unknown", "license", "license_unknown", "not_examined",
]  # fmt: skip


class ImageFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem in an image: `rule` found it, in the file `path` of the layer with this digest.

    `line` is 0 where the finding is of a whole file. `removed_by` is the layer that hides the file.
    """

    kind: ImageFindingKind
    title: str
    severity: str = ""
    rule: str = ""
    path: str = ""
    line: int = 0
    layer: str = ""
    removed_by: str = ""


class StoredExamination(msgspec.Struct, frozen=True):
    """The parts that a scan examined, the counts of its findings by kind, and the findings, worst first."""

    examined: tuple[str, ...]
    counts: dict[str, int]
    findings: tuple[ImageFinding, ...] = ()

    @classmethod
    def of(cls, examined: Collection[str], findings: Collection[ImageFinding]) -> StoredExamination:
        """Return the examination with its counts; findings above the most that are stored are counted only."""
        counts: Counter[str] = Counter(one.kind for one in findings)
        return cls(tuple(examined), dict(counts), tuple(findings)[:MOST_FINDINGS])


class ImageExaminations:
    """The newest examination of each image."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session: Session, subject: int, examination: StoredExamination) -> None:
        """Store an examination in place of the previous one of the same image."""
        values = {"subject": subject, **msgspec.to_builtins(examination)}
        self._database.upsert(session, ImageExaminationRow, [values], ["subject"])

    def counts(self, subjects: Collection[int]) -> dict[int, StoredExamination]:
        """Return the examinations of images by the ids of these, without their findings."""
        row = ImageExaminationRow
        found = {}
        with self._database.read() as session:
            for part in split_into_parts(subjects):
                statement = select(row.subject, row.examined, row.counts).where(row.subject.in_(part))
                for subject, examined, counts in session.execute(statement):
                    found[subject] = StoredExamination(tuple(examined), counts)
        return found

    def findings(self, subject: int) -> StoredExamination | None:
        """Return the examination of an image with its findings; None where none is stored."""
        with self._database.read() as session:
            found = session.get(ImageExaminationRow, subject)
            if found is None:
                return None
            findings = msgspec.convert(found.findings, tuple[ImageFinding, ...])
            return StoredExamination(tuple(found.examined), found.counts, findings)


def drop_examinations(session: Session, subjects: Collection[int]) -> None:
    """Delete the examinations of images within a transaction."""
    session.execute(delete(ImageExaminationRow).where(ImageExaminationRow.subject.in_(subjects)))
