"""Facts about Azure that content holds: how old a report may be, and which children and fields of a resource always exist.

The facts are content (content/azure/report_ages.json, content/azure/always_present.json, content/azure/always_stated.json).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from nephoscope_policy.body_paths import Segments, split_path
from nephoscope_policy.documents import ContentError, read_shipped_documents
from nephoscope_policy.model.source_location import Place


class ReportKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of report that Azure writes into bodies of some types.

    `report` are the paths of a body that are the report, `times` those of its time, the first that a body has counts; without
    one the report is as old as the snapshot. It holds for `days`; `why` and `source` say where the bound comes from, `renew` how a
    new report is made.
    """

    title: str
    types: tuple[str, ...]
    report: tuple[str, ...]
    times: tuple[str, ...]
    days: int
    why: str
    source: str
    renew: str

    @property
    def report_paths(self) -> tuple[Segments, ...]:
        """The paths of the report, keys lower-cased."""
        return tuple(split_path(path.lower()) for path in self.report)

    @property
    def time_paths(self) -> tuple[Segments, ...]:
        """The paths of its time, keys lower-cased."""
        return tuple(split_path(path.lower()) for path in self.times)


class AlwaysPresent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Children that each resource of the parent types has.

    `children` maps a child type, without its parent's, or an extension type to the names that exist; with no names every name does.
    `listed` are of a child type those that a list of it always holds, so that a list without one of them was not read.
    """

    parents: tuple[str, ...]
    children: dict[str, tuple[str, ...]]
    why: str
    source: str
    listed: dict[str, tuple[str, ...]] = {}

    def list_types(self, parent: str) -> Mapping[str, tuple[str, ...]]:
        """The child types under one parent in full, with their names."""
        return _qualify_types(parent, self.children)

    def list_child_types(self, parent: str) -> Mapping[str, tuple[str, ...]]:
        """The child types under one parent in full, with the names that a list always holds."""
        return _qualify_types(parent, self.listed)


class AlwaysStated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields that Azure has in each body of some types, by their paths: a body without one was exported without it.

    `unless_empty` leaves bodies whose `properties` are empty alone: who describes a resource by hand writes nothing for no child.
    """

    types: tuple[str, ...]
    paths: tuple[str, ...]
    why: str
    source: str
    unless_empty: bool = False


def _qualify_types(parent: str, children: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {kind if "/" in kind else f"{parent}/{kind}": names for kind, names in children.items()}


@cache
def load_report_kinds() -> tuple[ReportKind, ...]:
    """Every kind of report; ContentError where the file has another shape."""
    found: tuple[ReportKind, ...] = read_facts("report_ages.json", tuple[ReportKind, ...])
    return found


@cache
def _load_kinds_by_type() -> Mapping[str, tuple[ReportKind, tuple[Segments, ...], tuple[Segments, ...]]]:
    return {
        type_.lower(): (kind, kind.report_paths, kind.time_paths)
        for kind in load_report_kinds()
        for type_ in kind.types
    }


def find_report_kind(type_: str) -> tuple[ReportKind, tuple[Segments, ...], tuple[Segments, ...]] | None:
    """The kind of report that bodies of a lower-cased type hold, with its paths and those of its time; None for none."""
    return _load_kinds_by_type().get(type_)


def list_report_types() -> frozenset[str]:
    """The lower-cased types whose bodies hold a report."""
    return frozenset(_load_kinds_by_type())


@cache
def load_always_present() -> tuple[AlwaysPresent, ...]:
    """The children that always exist; ContentError where the file has another shape."""
    found: tuple[AlwaysPresent, ...] = read_facts("always_present.json", tuple[AlwaysPresent, ...])
    return found


@cache
def _load_children() -> Mapping[tuple[str, str], frozenset[str]]:
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for group in load_always_present():
        for parent in group.parents:
            for type_, names in group.list_types(parent).items():
                found[parent.lower(), type_.lower()].update(name.lower() for name in names)
    return {key: frozenset(names) for key, names in found.items()}


def always_exists(parent: str, type_: str, name: str = "") -> bool:
    """Return whether each resource of the lower-cased type `parent` has a child of a lower-cased type (and name)."""
    names = _load_children().get((parent, type_))
    return names is not None and (not name or not names or name in names)


@cache
def _load_listed_children() -> Mapping[tuple[str, str], frozenset[str]]:
    return {
        (parent.lower(), type_.lower()): frozenset(name.lower() for name in names)
        for group in load_always_present()
        for parent in group.parents
        for type_, names in group.list_child_types(parent).items()
    }


def list_constant_names(parent: str, type_: str) -> frozenset[str]:
    """Return the lower-cased names that a list of a type under a resource of a lower-cased type always holds."""
    return _load_listed_children().get((parent, type_), frozenset())


@cache
def load_always_stated() -> tuple[AlwaysStated, ...]:
    """The fields that bodies always have; ContentError where the file has another shape."""
    found: tuple[AlwaysStated, ...] = read_facts("always_stated.json", tuple[AlwaysStated, ...])
    return found


@cache
def _load_stated_by_type(*, empty: bool) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    found: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
    for group in load_always_stated():
        for type_ in () if empty and group.unless_empty else group.types:
            found[type_.lower()] += [tuple(path.lower().split(".")) for path in group.paths]
    return {type_: tuple(paths) for type_, paths in found.items()}


def list_constant_paths(type_: str, *, empty: bool) -> tuple[tuple[str, ...], ...]:
    """Return the paths, as lower-cased keys, that each body of a lower-cased type has, or one whose properties are `empty`."""
    return _load_stated_by_type(empty=empty).get(type_, ())


def read_facts(name: str, shape: object) -> Any:
    """The facts of a file of content/azure in a shape; ContentError where it has another one."""
    for document in read_shipped_documents("azure"):
        if document.name == name:
            try:
                return msgspec.convert(document.json(), shape)
            except msgspec.ValidationError as error:
                raise ContentError(str(error), document.place) from error
    raise ContentError(f"the package has no azure/{name}", Place("content"))
