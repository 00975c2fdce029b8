"""Document queries of a published snapshot, the basis of lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression

from nephoscope.model.read_scope import Reach
from nephoscope.posture.published.answer_cache import AnswerCache
from nephoscope.posture.published.document_database import open_copy
from nephoscope.posture.published.document_rows import EVERYBODY

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

T = TypeVar("T")
#: Documents as text, each with its key.
Texts = Sequence[tuple[str, str]]
REMEMBERED = 500
"""Answers that an edition keeps: counts, and pages of two hundred rows."""
#: Bytes of documents that an edition keeps of the lists that were asked for last.
KEPT_BYTES = 32 << 20
#: How many bodies are read at once; from how many on, and at which share of what lies there, they are read as a range.
_MANY, _FEW, _DENSE = 4_096, 200, 4
#: What shows in two short columns where an id lies.
_NEAR = re.compile("/subscriptions/([^/]+)(/resourcegroups/[^/]+)?")


#: Rows of a page of an answer that counts once.
_PAGE_ROWS = 200


def _count_pages(answer: object) -> int:
    return 1 + len(answer) // _PAGE_ROWS if isinstance(answer, list | tuple) else 1


class Documents:
    """The table `documents`, sorted by type and key; `rows` is a view of it for the thread that asks, `bodies` what stands in them."""

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        self._connection = open_copy(files, folder)
        self._answers = AnswerCache(REMEMBERED, _count_pages)
        self._texts = AnswerCache(KEPT_BYTES, lambda found: sum(len(text) for text, _ in found) + 1)

    def get_or_compute(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` makes of the documents, made once for a key. Whoever gets it must leave it as it is."""
        return self._answers.get_or_compute(key, make)

    def texts(self, key: Hashable, make: Callable[[], Texts]) -> Texts:
        """Return what `make` reads: documents as text, kept for a key up to so many bytes. They are read anew by
        whoever may change them."""
        return self._texts.get_or_compute(key, make)

    def bodies(self, numbers: Sequence[int]) -> list[str]:
        """The bodies of documents by their numbers, in the order of those."""
        found: dict[int, str] = {}
        ordered = sorted(numbers)
        for first in range(0, len(ordered), _MANY):
            found.update(self._read_bodies(ordered[first : first + _MANY]))
        return [found[one] for one in numbers]

    def _read_bodies(self, ordered: Sequence[int]) -> list[tuple[int, str]]:
        number, (low, high) = ColumnExpression("number"), (ordered[0], ordered[-1])
        if len(ordered) > _FEW and high - low < _DENSE * len(ordered):
            # most of what lies there is wanted: a range is found faster than each of many numbers
            wanted = (number >= ConstantExpression(low)) & (number <= ConstantExpression(high))
        else:
            wanted = number.isin(*(ConstantExpression(one) for one in ordered))
        return list(self.open_cursor().table("bodies").filter(wanted).fetchall())

    def open_cursor(self) -> DuckDBPyConnection:
        """A cursor: relations that are to be joined need the same."""
        return self._connection.cursor()

    def rows(self, reach: Reach, cursor: DuckDBPyConnection | None = None) -> DuckDBPyRelation:
        """The rows that a reach sees."""
        found = (cursor or self.open_cursor()).table("documents")
        test = build_visibility_condition(reach)
        return found if test is None else found.filter(test)

    def select_rows_of_types(
        self,
        types: Iterable[str],
        reach: Reach,
        cursor: DuckDBPyConnection | None = None,
        also: Expression | None = None,
    ) -> DuckDBPyRelation:
        """The rows of lower-cased types that a reach sees, of which `also` holds: each filter of its own is bound by itself.

        They are looked for where they lie: of long texts DuckDB keeps the first bytes of each part of the table, which are equal in
        nearly all types and ids, so that by the type alone every part would be read.
        """
        wanted = frozenset(types)
        condition = is_one_of("type", wanted) if wanted else ConstantExpression(False)
        ranges = [found for one in wanted if (found := self.type_ranges.get(one)) is not None]
        if ranges:
            row, first, last = ColumnExpression("rowid"), min(ranges)[0], max(end for _, end in ranges)
            condition = (row >= ConstantExpression(first)) & (row <= ConstantExpression(last)) & condition
        return self.rows(reach, cursor).filter(condition if also is None else condition & also)

    @property
    def type_ranges(self) -> Mapping[str, tuple[int, int]]:
        """Lower-cased type -> the first and the last of its rows."""
        return self.get_or_compute(("ranges of types",), self._read_type_ranges)

    def _read_type_ranges(self) -> Mapping[str, tuple[int, int]]:
        rows = (
            self.open_cursor().table("documents").aggregate("type, min(rowid), max(rowid)", "type").fetchall()
        )
        return {type_: (first, last) for type_, first, last in rows}


def build_visibility_condition(reach: Reach) -> Expression | None:
    """The condition that a row may be read; None = every row."""
    if reach.everything:
        return None
    pairs = (
        ("subscription", reach.subscriptions),
        ("grp", reach.groups),
        ("tenant", reach.whole_tenants),
    )
    tests = [is_one_of(name, values) for name, values in pairs if values]
    # '' is a tenant whose id is not known, and no name that a row could be opened to
    if (known := reach.tenants - {""}) and not reach.is_empty:
        tests += [_is_readable_by(one) for one in (EVERYBODY, *sorted(known))]
    elif not reach.is_empty:
        tests.append(ColumnExpression("open") != ConstantExpression(""))
    if reach.containers:
        above = is_one_of("key", reach.containers)
        tests.append(above & is_one_of("tenant", reach.tenants) if reach.tenants else above)
    if not tests:
        return ConstantExpression(False)
    found = tests[0]
    for test in tests[1:]:
        found = found | test
    return found


def _is_readable_by(reader: str) -> Expression:
    """A row may be read by everybody, or by the readers of a tenant."""
    named = FunctionExpression("string_split", ColumnExpression("open"), ConstantExpression(" "))
    return FunctionExpression("list_contains", named, ConstantExpression(reader))


def is_one_of(column: str, values: Iterable[str]) -> Expression:
    """The column has one of the values."""
    return ColumnExpression(column).isin(*(ConstantExpression(one) for one in sorted(values)))


def hash_condition(column: str, values: Iterable[str]) -> Expression:
    """The column most likely has one of the values: by hashes, which are looked through in a twentieth of the time of long texts."""
    several = (FunctionExpression("hash", ConstantExpression(one)) for one in sorted(values))
    return ColumnExpression(f"{column}_hash").isin(*several)


def is_resource_group_scope(scope: str) -> bool:
    """Return whether a lower-cased scope is a resource group or lies in one."""
    return bool(get_resource_group(scope))


def get_resource_group(scope: str) -> str:
    """Return the lower-cased id of the resource group that a lower-cased scope is or lies in, '' where it lies in none."""
    near = _NEAR.match(scope)
    return near[0] if near is not None and near[2] else ""


def is_in_scope(column: str, scope: str) -> Expression:
    """The id in a column, which lies where its document does, is the lower-cased scope or lies under it."""
    key = ColumnExpression(column)
    below = FunctionExpression("starts_with", key, ConstantExpression(f"{scope}/"))
    return _build_lies_near(scope, (key == ConstantExpression(scope)) | below)


def is_about(column: str, id_: str) -> Expression:
    """The id in a column, which lies where its document does, is the lower-cased id."""
    return _build_lies_near(id_, ColumnExpression(column) == ConstantExpression(id_))


def _build_lies_near(scope: str, condition: Expression) -> Expression:
    """A condition on ids at a scope or below it, after one on short columns that few rows pass."""
    near = _NEAR.match(scope)
    if near is None:
        return condition
    return (hash_condition("grp", [near[0]]) if near[2] else is_one_of("subscription", [near[1]])) & condition
