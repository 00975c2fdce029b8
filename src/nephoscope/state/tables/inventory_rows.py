"""The tables of inventories: subjects, their packages, what is said of those, and the findings of each subject."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Float, Index, Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from nephoscope.state.tables.columns import COUNTED, AuditedRow, Base, Json, UtcDateTime


class InventorySubjectRow(AuditedRow):
    """A machine or an image as a scanner saw it; `tenant`, `key`, `resource_id` and `resource_group` are lower-cased."""

    __tablename__ = "inventory_subjects"
    __table_args__ = (
        Index("ix_inventory_subjects_key", "tenant", "kind", "key", "scanner", unique=True),
        Index("ix_inventory_subjects_resource", "resource_id"),
        Index("ix_inventory_subjects_set", "package_set"),
    )
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    tenant: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    resource_id: Mapped[str] = mapped_column(Text)
    subscription: Mapped[str] = mapped_column(Text)
    resource_group: Mapped[str] = mapped_column(Text)
    login_server: Mapped[str] = mapped_column(Text)
    repository: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(Json)
    family: Mapped[str] = mapped_column(Text)
    release: Mapped[str] = mapped_column(Text)
    scanned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kept_at: Mapped[datetime] = mapped_column(UtcDateTime)
    scanner: Mapped[str] = mapped_column(Text)
    scanner_version: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    package_set: Mapped[str] = mapped_column(Text)
    packages: Mapped[int] = mapped_column(Integer)
    unread: Mapped[list[dict[str, str]]] = mapped_column(Json)


class PackageSetRow(Base):
    """The packages of one or many subjects, by the digest of all of them.

    `members` are numbers of four bytes, rising. `kinds` are pairs: the number of a package, and how many of the set the same feeds
    speak of.
    """

    __tablename__ = "inventory_package_sets"
    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    kinds: Mapped[list[list[int]]] = mapped_column(Json)
    members: Mapped[bytes] = mapped_column(LargeBinary)
    packages: Mapped[bytes] = mapped_column(LargeBinary)


class InventoryPackageRow(Base):
    """A package without its place, as matching reads it; `is_pending` until it is matched with the newest import.

    `scanner` is who named it where its vulnerabilities are what another scanner says, '' where advisories say them.
    """

    __tablename__ = "inventory_packages"
    __table_args__ = (
        Index("ix_inventory_packages_digest", "digest", unique=True),
        Index("ix_inventory_packages_pending", "is_pending"),
    )
    number: Mapped[int] = mapped_column(COUNTED, primary_key=True)
    digest: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    is_pending: Mapped[bool] = mapped_column(Boolean)
    is_undetermined: Mapped[bool] = mapped_column(Boolean)
    scanner: Mapped[str] = mapped_column(Text, server_default="")


class PackageNameRow(Base):
    """A name that advisories of an ecosystem know a package by."""

    __tablename__ = "inventory_package_names"
    ecosystem: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    package: Mapped[int] = mapped_column(Integer, primary_key=True)


class KnownVulnerabilityRow(Base):
    """Facts of a vulnerability that do not depend on its holder: a daily change touches one row."""

    __tablename__ = "known_vulnerabilities"
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    summary: Mapped[str] = mapped_column(Text)
    aliases: Mapped[list[str]] = mapped_column(Json)
    is_exploited: Mapped[bool] = mapped_column(Boolean)
    is_used_by_ransomware: Mapped[bool] = mapped_column(Boolean)
    exploited_since: Mapped[str] = mapped_column(Text)
    probability: Mapped[float | None] = mapped_column(Float)
    percentile: Mapped[float | None] = mapped_column(Float)


class PackageVulnerabilityRow(Base):
    """A vulnerability of a package, whoever holds it; `rank` is that of the severity, `body` the packed finding."""

    __tablename__ = "package_vulnerabilities"
    __table_args__ = (Index("ix_package_vulnerabilities_vulnerability", "vulnerability"),)
    package: Mapped[int] = mapped_column(Integer, primary_key=True)
    vulnerability: Mapped[str] = mapped_column(Text, primary_key=True)
    severity: Mapped[str] = mapped_column(Text)
    rank: Mapped[int] = mapped_column(Integer)
    score: Mapped[float | None] = mapped_column(Float)
    state: Mapped[str] = mapped_column(Text)
    fixed_version: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class VulnerabilityFindingRow(Base):
    """A vulnerability of a package of a subject over its whole life; open where `closed` is null."""

    __tablename__ = "vulnerability_findings"
    __table_args__ = (
        Index(
            "ix_vulnerability_findings_vulnerability",
            "vulnerability",
            "package",
            "closed",
            "first_seen",
            "subject",
        ),
    )
    subject: Mapped[int] = mapped_column(Integer, primary_key=True)
    package: Mapped[int] = mapped_column(Integer, primary_key=True)
    vulnerability: Mapped[str] = mapped_column(Text, primary_key=True)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    opened: Mapped[datetime] = mapped_column(UtcDateTime)
    closed: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str] = mapped_column(Text)
    earlier: Mapped[list[list[str]]] = mapped_column(Json)


class FindingChangeRow(Base):
    """Last change of a subject's findings, by a number that rises; 0 in place of a subject is the facts of all vulnerabilities."""

    __tablename__ = "finding_changes"
    __table_args__ = (Index("ix_finding_changes_change", "change"),)
    subject: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    change: Mapped[int] = mapped_column(Integer)


class ImageExaminationRow(Base):
    """Findings of a scan in an image beside vulnerabilities: the parts it examined, `counts` by kind, and the list."""

    __tablename__ = "image_examinations"
    subject: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    examined: Mapped[list[str]] = mapped_column(Json)
    counts: Mapped[dict[str, int]] = mapped_column(Json)
    findings: Mapped[list[dict[str, object]]] = mapped_column(Json)


class ImageListingRow(AuditedRow):
    """The images that a registry holds or a cluster runs, all of them, at a time; `digests` are texts, `containers` lists of texts."""

    __tablename__ = "image_listings"
    resource_id: Mapped[str] = mapped_column(Text, primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    listed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    digests: Mapped[list[str]] = mapped_column(Json)
    containers: Mapped[list[list[str]]] = mapped_column(Json, server_default="[]")
