"""Export hints: warnings about incomplete exports, once per file, with count, example and fix."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nephoscope_policy.model.source_location import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

_LISTED = (
    "no record has properties, so that what reads them ends Unknown; az resource list, az <type> list and projected columns leave "
    'them out: export with az graph query -q "resources" --first 1000, page by page, or nephoscope collect'
)


class ExportHints:
    """Counts the reasons of a file; `resources` is the number of its records, of which those are seen that lack something."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._counts: Counter[str] = Counter()
        self._first: dict[str, tuple[Place, str]] = {}
        self._narrow: dict[str, str] = {}
        self.resources = self._listed = 0
        self._place = Place(file)

    def add_record(self, place: Place, name: str, notes: tuple[str, ...], *, listed: bool) -> None:
        """Note one record: why less of it was read than there is, and whether it has no `properties`."""
        if listed and not any(notes):
            if not self._listed:
                self._place = place
            self._listed += 1
        for note in filter(None, notes):
            self._counts[note] += 1
            self._first.setdefault(note, (place, name))

    def limit_type(self, type_: str, why: str) -> None:
        """Note what a record says of those of its type that are not in the file ('' = they are)."""
        self._narrow[type_] = why and self._narrow.get(type_, why)

    def list_missing_types(self) -> Iterator[tuple[str, str]]:
        """The lower-cased types of which the file may not have every record, and why."""
        return ((type_, why) for type_, why in self._narrow.items() if why)

    def list_hints(self) -> Iterator[tuple[Place, str]]:
        """The place of the first record and the reason, for each reason."""
        for note, count in self._counts.items():
            place, name = self._first[note]
            yield place, f"{note} ({count} record{'s' if count > 1 else ''}, the first is {name})"
        if self._listed and self._listed == self.resources:
            yield self._place, f"{_LISTED} ({self._listed} record{'s' if self._listed > 1 else ''})"
