"""Log formats are found by scanning this folder: a module with FORMAT; an optional RANK puts those that take anything last."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import nephoscope.ingest.logs as package
from nephoscope.ingest.logs.log_format import FileFormat, LineFormat, LogFormat, RowFormat

if TYPE_CHECKING:
    from nephoscope.ingest.logs.log_format import Format


class FormatError(Exception):
    """A module whose FORMAT is none, two formats of one name, or a name that no format has."""


class Formats(NamedTuple):
    """Formats by what they read, each in the order in which they are asked; `exact` counts the records' formats of rank 0."""

    records: tuple[LogFormat, ...]
    lines: tuple[LineFormat, ...]
    files: tuple[FileFormat, ...]
    exact: int = 0

    def names(self) -> list[str]:
        """The names, sorted."""
        return sorted({form.name for form in (*self.records, *self.lines, *self.files)})

    def select_format(self, name: str) -> Formats:
        """The format of that name alone; raises FormatError."""
        found = Formats(
            *(tuple(form for form in group if form.name == name) for group in self[:3])  # type: ignore[arg-type]
        )
        if not any(found[:3]):
            raise FormatError(f"unknown log format {name!r}: use auto, {', '.join(self.names())}")
        return found

    def select_table(self, table: str) -> Formats:
        """The formats for a table that the user asks for: those that write it, then records that are its rows as they are."""
        rows = tuple(form.as_requested for form in self.records if isinstance(form, RowFormat))
        records = tuple(form for form in self.records if table in form.tables)
        lines = tuple(form for form in self.lines if table in form.tables)
        return Formats((*records, *rows), lines, self.files)


@cache
def load_formats() -> Formats:
    """Every format; raises FormatError."""
    found: list[tuple[int, str, Format]] = []
    names: dict[str, str] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        form = getattr(module, "FORMAT", None)
        if form is None:
            continue
        if not isinstance(form, (LogFormat, LineFormat, FileFormat)):
            raise FormatError(f"{module.__name__}.FORMAT is not a log format: see format.py")
        if form.name in names:
            raise FormatError(f"{module.__name__} and {names[form.name]} are both named {form.name!r}")
        names[form.name] = module.__name__
        found.append((getattr(module, "RANK", 0), form.name, form))
    found.sort(key=lambda entry: entry[:2])
    every = [form for _, _, form in found]
    records = tuple(form for form in every if isinstance(form, LogFormat))
    return Formats(
        records,
        tuple(form for form in every if isinstance(form, LineFormat)),
        tuple(form for form in every if isinstance(form, FileFormat)),
        sum(rank == 0 and isinstance(form, LogFormat) for rank, _, form in found),
    )
