"""Definitions and initiatives by id or name, parsed when they are asked for, from files, folders, checkouts and answers of the API.

Every document that cannot be used is reported with its place, and stops nothing. The parsed result is one blob in the data
folder, named by the hash of the contents.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.catalog_entry import CatalogEntry, ContentProblem, Kind, digest
from nephoscope_policy.catalog_import import PUBLIC_CLOUD, CatalogIntake, describe_conflict
from nephoscope_policy.definition import Definition
from nephoscope_policy.errors import suggest_word
from nephoscope_policy.initiative import Initiative
from nephoscope_policy.version import Pin, choose_newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope_policy.documents import ContentDocument
    from nephoscope_policy.model.source_location import Place


class NotHeldError(LookupError):
    """A definition or initiative that no loaded content holds; `cause` is `not-held`, `version-not-held` or `ambiguous`."""

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause


class ImportSummary(msgspec.Struct, frozen=True):
    """Summary of reading documents, for `content import`."""

    files: int
    definitions: int
    initiatives: int
    problems: tuple[ContentProblem, ...]

    def reasons(self) -> list[tuple[str, int]]:
        """The reasons for which documents were not taken, with their numbers, most frequent first."""
        return Counter(problem.reason for problem in self.problems).most_common()


class PolicyCatalog:
    """All loaded definitions and initiatives; later parts never hide earlier ones with the same id and version."""

    def __init__(
        self, entries: Iterable[CatalogEntry], problems: Iterable[ContentProblem] = (), files: int = 0
    ) -> None:
        self.entries: tuple[CatalogEntry, ...] = tuple(entries)
        self.problems: tuple[ContentProblem, ...] = tuple(problems)
        self.files = files
        self._definitions: dict[str, Definition] = {}
        self._initiatives: dict[str, Initiative] = {}
        self._earlier: tuple[PolicyCatalog, ...] = ()

    @classmethod
    def of(cls, documents: Iterable[ContentDocument], cloud: str = PUBLIC_CLOUD) -> PolicyCatalog:
        """Read documents; a folder `Azure Government` holds copies for another cloud and is taken only for that one."""
        intake = CatalogIntake(cloud)
        for document in documents:
            intake.add(document)
        intake.finish()
        return cls(intake.entries, intake.problems, intake.files)

    @classmethod
    def from_bodies(cls, bodies: Iterable[tuple[object, Place]]) -> PolicyCatalog:
        """Read documents that are already parsed, such as the custom definitions of an estate."""
        intake = CatalogIntake()
        for body, place in bodies:
            intake.add_document(body, place)
        return cls(intake.entries, intake.problems)

    def include(self, *others: PolicyCatalog) -> PolicyCatalog:
        """Return this catalog with others after it; an id and version that is already here stays, a differing one is a problem."""
        entries = list(self.entries)
        problems = list(self.problems)
        seen = {(entry.kind, entry.id, entry.version): entry for entry in entries}
        for other in others:
            problems.extend(other.problems)
            for entry in other.entries:
                known = seen.setdefault((entry.kind, entry.id, entry.version), entry)
                if known is entry:
                    entries.append(entry)
                elif known.digest != entry.digest:
                    problems.append(describe_conflict(entry, known))
        made = PolicyCatalog(entries, problems, self.files + sum(other.files for other in others))
        made._earlier = (self, *others)
        return made

    @property
    def import_summary(self) -> ImportSummary:
        """Return what was taken and what not."""
        counts = Counter(entry.kind for entry in self.entries if not entry.fault)
        return ImportSummary(self.files, counts["definition"], counts["initiative"], self.problems)

    @cached_property
    def digest(self) -> str:
        """The hash of everything held, in any order."""
        lines = sorted(f"{entry.kind} {entry.id} {entry.version} {entry.digest}" for entry in self.entries)
        return digest("\n".join(lines).encode())

    def definitions(self) -> Iterator[CatalogEntry]:
        """The newest version of every definition."""
        return self._list_newest_entries("definition")

    def initiatives(self) -> Iterator[CatalogEntry]:
        """The newest version of every initiative."""
        return self._list_newest_entries("initiative")

    def find(self, kind: Kind, reference: str, pin: Pin | None = None) -> CatalogEntry:
        """The newest fitting version behind an id, a name or, for an initiative, a display name; NotHeldError when there is none."""
        versions = self._list_versions(kind, reference.strip().rstrip("/").lower())
        if not versions:
            hint = self._suggest_initiative(reference) if kind == "initiative" else ""
            raise NotHeldError(f"no loaded content holds the {kind} {reference!r}{hint}", "not-held")
        if len({entry.id for entry in versions}) > 1:
            ids = ", ".join(sorted({entry.id for entry in versions}))
            raise NotHeldError(
                f"several {kind}s are named {reference!r}: give one of the ids {ids}", "ambiguous"
            )
        found = choose_newest(((entry.version, entry) for entry in versions), pin)
        if found is None:
            held = ", ".join(str(entry.version) for entry in versions)
            raise NotHeldError(
                f"the {kind} {reference!r} is pinned to {pin}, but only {held} is loaded", "version-not-held"
            )
        return found

    def get_definition(self, reference: str, pin: Pin | None = None) -> Definition:
        """The parsed definition; NotHeldError, or PolicyError when its document cannot be used."""
        return self.parse_entry(self.find("definition", reference, pin))

    def get_initiative(self, reference: str, pin: Pin | None = None) -> Initiative:
        """The parsed initiative; NotHeldError, or PolicyError when its document cannot be used."""
        entry = self.find("initiative", reference, pin)
        if entry.digest not in self._initiatives:
            self._initiatives[entry.digest] = Initiative.parse(entry.document(), entry.place)
        return self._initiatives[entry.digest]

    def parse_entry(self, entry: CatalogEntry) -> Definition:
        """The definition of an entry, parsed once in this catalog and all that include it; PolicyError when it cannot be used."""
        earlier = next((one for one in self._earlier if one.has_entry(entry)), None)
        if earlier is not None:
            return earlier.parse_entry(entry)
        if entry.digest not in self._definitions:
            self._definitions[entry.digest] = Definition.parse(entry.document(), entry.place)
        return self._definitions[entry.digest]

    def has_entry(self, entry: CatalogEntry) -> bool:
        """Tell whether the content of an entry is in this catalog."""
        return entry.digest in self._digests

    @cached_property
    def _digests(self) -> frozenset[str]:
        return frozenset(entry.digest for entry in self.entries)

    def _list_newest_entries(self, kind: Kind) -> Iterator[CatalogEntry]:
        for (entry_kind, _), versions in self._by_id.items():
            if entry_kind == kind:
                found = choose_newest((entry.version, entry) for entry in versions)
                if found is not None:
                    yield found

    def _suggest_initiative(self, reference: str) -> str:
        """Return which initiative a reference may have meant: by part of its title, else by spelling."""
        text = reference.casefold().strip()
        titles = {entry.display_name: entry.name for entry in self.initiatives()}
        named = [f"{name} ({title})" for title, name in titles.items() if text and text in title.casefold()]
        if named:
            return f"; titles with it: {'; '.join(named[:5])}" + (" ..." if len(named) > 5 else "")
        return suggest_word(reference, [*titles.values(), *titles])

    def _list_versions(self, kind: Kind, reference: str) -> list[CatalogEntry]:
        if reference.startswith("/"):
            exact = self._by_id.get((kind, reference))
            if exact:
                return exact
            name = reference.rsplit("/", 1)[-1]
            return [entry for entry in self._by_name.get((kind, name), []) if not entry.stated_id]
        named = self._by_name.get((kind, reference))
        if named or kind == "definition":
            return named or []
        return [
            entry for entry in self.entries if entry.kind == kind and entry.display_name.lower() == reference
        ]

    @cached_property
    def _by_id(self) -> dict[tuple[Kind, str], list[CatalogEntry]]:
        found: dict[tuple[Kind, str], list[CatalogEntry]] = {}
        for entry in self.entries:
            found.setdefault((entry.kind, entry.id), []).append(entry)
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[Kind, str], list[CatalogEntry]]:
        found: dict[tuple[Kind, str], list[CatalogEntry]] = {}
        for entry in self.entries:
            found.setdefault((entry.kind, entry.name), []).append(entry)
        return found
