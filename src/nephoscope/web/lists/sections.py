"""Sections: the lists that operations declare for pages, each with its forms, its address and its place in the navigation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from nephoscope.operations.declaration.discovery import load_operation_groups
from nephoscope.operations.declaration.operation import Operation, OperationGroup
from nephoscope.operations.declaration.operation_page import Answer, OperationForm, SectionList
from nephoscope.web.forms import operation_form
from nephoscope.web.lists.section_list import SectionRow
from nephoscope.web.rendering.readable_text import humanize_members
from nephoscope.web.visits.page import PageArea
from nephoscope.web.visits.request_context import Visit

_CAPITAL = re.compile("[A-Z]")
#: The parts of the navigation that have sections, with the path and the title of the page that leads to each.
_HOMES = {
    PageArea.IDENTITY: ("/identity", "Identity"), PageArea.PROTECTION: ("/machines", "Machines"),
    PageArea.HIDDEN: ("/settings", "Settings"),
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A section: the group of operations, the one that lists, and how it is shown.

    The `first` list of a group has its forms and tables, and its address.
    """

    group: OperationGroup
    listing: Operation
    shown: SectionList
    first: bool

    @property
    def path(self) -> str:
        """Its address."""
        home = self.home[0]
        name = _to_kebab_case(self.group.name).removeprefix(f"{home.strip('/')}-")
        return "/".join((home, name, *(() if self.first else (self._own_address,))))

    @property
    def former_path(self) -> str:
        """Return its address among the settings, where it was before identity had an area of its own ('' = it never was)."""
        if self.area is not PageArea.IDENTITY:
            return ""
        name = _to_kebab_case(self.group.name)
        return "/".join(("/settings", name, *(() if self.first else (self._own_address,))))

    @property
    def _own_address(self) -> str:
        """The part of its address that names what is listed, which the first list of a group goes without."""
        return _to_kebab_case(self.listing.listed_noun)

    @property
    def home(self) -> tuple[str, str]:
        """Return the path and the title of the page that leads to it."""
        return _HOMES[self.area]

    @property
    def area(self) -> PageArea:
        """Return the part of the navigation that it is in, HIDDEN where it is reached from the settings."""
        return next((one for one in _HOMES if one.value == self.shown.area), PageArea.HIDDEN)

    @property
    def operations(self) -> Sequence[Operation]:
        """The operations that stand beside its list."""
        return self.group.operations if self.first else ()

    @property
    def file_name(self) -> str:
        """Return what its files are named after."""
        return self.group.name if self.first else f"{self.group.name}-{self._own_address}"

    @property
    def is_per_workspace(self) -> bool:
        """Return whether it is of one workspace."""
        return operation_form.is_in_workspace(self.listing)

    @property
    def forms(self) -> list[tuple[Operation, OperationForm]]:
        """Its forms that are about no row."""
        return [(one, form) for one, form in operation_form.list_forms(self.operations) if not one.parameters]

    @property
    def row_forms(self) -> list[tuple[Operation, OperationForm]]:
        """Its forms about a row."""
        return [(one, form) for one, form in operation_form.list_forms(self.operations) if one.parameters]

    def workspace(self, visit: Visit) -> str:
        """Return the workspace that a visit is about, '' where the section is of none."""
        return visit.workspace(self.listing.permission) if self.is_per_workspace else ""

    def notes(self, answer: Answer) -> list[str]:
        """Return what its command says beside the list."""
        found = self.listing.command
        return (
            list(map(humanize_members, found.notes(answer)))
            if found is not None and found.notes is not None
            else []
        )

    def has_failed(self, answer: Answer) -> bool:
        """Return whether its command would end with an error."""
        found = self.listing.command
        return found is not None and found.failed is not None and bool(found.failed(answer))

    def answer(self, visit: Visit, workspace: str) -> Answer:
        """Return what the operation that lists answers."""
        return operation_form.run_read_operation(visit, self.listing, workspace)

    def rows(self, answer: Answer) -> list[SectionRow]:
        """Return every row of an answer."""
        rows = self.shown.rows(answer) if self.shown.rows else self.listing.list_rows(answer)
        items = getattr(answer, "value", ())
        aligned = items if len(items) == len(rows) else [None] * len(rows)
        name = self.shown.name or self.shown.key
        return [
            SectionRow(str(row[self.shown.key]), str(row[name]), row, item)
            for row, item in zip(rows, aligned, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class SectionTab:
    """A tab of an area: its title, and the (path, title) of the lists that are under it."""

    title: str
    lists: tuple[tuple[str, str], ...]

    def has(self, path: str) -> bool:
        """Return whether a list is under it."""
        return any(path == one for one, _ in self.lists)


@cache
def list_sections() -> tuple[Section, ...]:
    """Every section, by area and title."""
    found = [one for group in load_operation_groups().values() for one in _list_sections(group)]
    return tuple(sorted(found, key=lambda one: (one.shown.area, one.shown.title)))


def list_tabs(section: Section) -> list[SectionTab]:
    """Return the tabs of the area of a section: its overview, and its lists, several of which share a tab; none elsewhere."""
    if section.area is not PageArea.IDENTITY:
        return []
    several: dict[str, list[tuple[str, str]]] = {"Overview": [(section.home[0], "Overview")]}
    for one in sorted(list_sections(), key=lambda one: one.shown.order):
        if one.area is section.area:
            several.setdefault(one.shown.tab or one.shown.title, []).append((one.path, one.shown.title))
    return [SectionTab(title, tuple(lists)) for title, lists in several.items()]


def _list_sections(group: OperationGroup) -> Iterator[Section]:
    first = True
    for one in group.operations:
        if isinstance(one.page, SectionList):
            yield Section(group, one, one.page, first)
            first = False


def _to_kebab_case(name: str) -> str:
    return _CAPITAL.sub(lambda found: f"-{found[0].lower()}", name).replace("_", "-")
