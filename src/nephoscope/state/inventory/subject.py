"""Subjects of inventories: machines and images, what a scan told of them, and which of them are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Text, and_, false, func, or_, true, type_coerce

from nephoscope.model.read_scope import Reach
from nephoscope.state.tables.inventory_rows import InventorySubjectRow

#: What a scan of the product itself is by.
OWN_SCANNER = "nephoscope"


class SubjectKind(StrEnum):
    """Kind of a subject: a machine or an image."""

    MACHINE = "machine"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class UnreadPlace:
    """A file or folder that a scan could not read, and why: nothing is known of what it holds."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class InventorySubject:
    """A machine or an image as a scanner saw it last; `id` is 0 before it is kept.

    `tenant`, `key` and `resource_id` are lower-cased. `key` names it within its tenant, kind and scanner: the id or the host name of a
    machine, `server/repository@digest` of an image. `resource_id` is the id in ARM of the machine, or of the registry that holds the
    image; '' where none was given. `package_set` is the digest of its packages, `packages` their number.
    """

    kind: SubjectKind
    tenant: str
    key: str
    name: str
    scanned_at: datetime
    kept_at: datetime
    scanner: str
    scanner_version: str
    author: str
    package_set: str
    packages: int
    resource_id: str = ""
    subscription: str = ""
    resource_group: str = ""
    login_server: str = ""
    repository: str = ""
    digest: str = ""
    tags: tuple[str, ...] = ()
    family: str = ""
    release: str = ""
    unread: tuple[UnreadPlace, ...] = ()
    id: int = 0

    @property
    def platform(self) -> str:
        """Return which kind of operating system it runs: Linux, Windows or macOS; '' where its system is not known."""
        family = self.family.lower().replace(" ", "")
        if "windows" in family:
            return "Windows"
        if family.startswith(("macos", "osx", "darwin")):
            return "macOS"
        return "Linux" if family else ""

    @property
    def is_reported(self) -> bool:
        """Return whether its findings are those that another scanner reported."""
        return self.scanner != OWN_SCANNER

    @property
    def identity(self) -> tuple[str, SubjectKind, str]:
        """Return what is the same for one machine or image, whoever scanned it."""
        return self.tenant, self.kind, self.key


@dataclass(frozen=True, slots=True)
class SubjectFilter:
    """Filter of subjects: those that `reach` lets read, of a kind, a tenant, at or below a lower-cased ARM id, or an image.

    `image` is a digest, `repository`, `server/repository`, `...:tag` or `...@digest`.
    """

    reach: Reach
    kind: SubjectKind | None = None
    tenant: str = ""
    resource: str = ""
    image: str = ""
    ids: frozenset[int] | None = None
    most: int = 10_000
    after: int = 0

    def condition(self) -> ColumnElement[bool]:
        """Return the condition on the rows of subjects."""
        row = InventorySubjectRow
        parts: list[ColumnElement[bool]] = [build_readable_condition(self.reach)]
        if self.kind is not None:
            parts.append(row.kind == self.kind.value)
        if self.tenant:
            parts.append(row.tenant == self.tenant.lower())
        if self.resource:
            key = self.resource.lower().rstrip("/")
            inside = row.resource_id.startswith(f"{key}/", autoescape=True)
            parts.append(or_(row.resource_id == key, inside, row.key == key))
        if self.image:
            parts += [row.kind == SubjectKind.IMAGE.value, _match_names(self.image)]
        if self.ids is not None:
            parts.append(row.id.in_(self.ids))
        return and_(true(), *parts)


def build_readable_condition(reach: Reach) -> ColumnElement[bool]:
    """Return the condition that a subject may be read: of a readable subscription, resource group or whole tenant."""
    if reach.everything:
        return true()
    row = InventorySubjectRow
    parts = (
        (row.subscription, reach.subscriptions),
        (row.resource_group, reach.groups),
        (row.tenant, reach.whole_tenants),
    )
    return or_(false(), *(and_(column != "", column.in_(allowed)) for column, allowed in parts if allowed))


def _match_names(image: str) -> ColumnElement[bool]:
    """Return the condition that an image goes by a name; tags are told apart by case."""
    row = InventorySubjectRow
    name, _, digest = image.partition("@")
    if name.startswith("sha256:"):
        return row.digest == name
    name, tag = name.rsplit(":", 1) if ":" in name.rpartition("/")[2] else (name, "")
    parts: list[ColumnElement[bool]] = [
        or_(row.login_server + "/" + row.repository == name.lower(), row.repository == name.lower())
    ]
    if digest:
        parts.append(row.digest == digest)
    if tag:
        # a tag has no quotation mark, so it stands in the JSON text as it is; LIKE would not tell its case
        text = type_coerce(row.tags, Text)
        parts.append(func.replace(text, f'"{tag}"', "") != text)
    return and_(*parts)
