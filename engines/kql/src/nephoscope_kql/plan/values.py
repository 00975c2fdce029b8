"""Elements of every bound query: columns, typed values, and rows that have columns and an order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope_kql.errors import NOWHERE, Span
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.tree import Scalar


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation: `id` is its name inside SQL, unique in the whole query; `name` the one that KQL shows.

    A column that passes through operators, or is renamed, keeps its id.
    """

    id: str
    name: str
    type: KqlType

    def with_name(self, name: str) -> Column:
        """Return the same column under another KQL name."""
        return Column(self.id, name, self.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A typed scalar expression; `nullable` is False where it can be proven never to be null (strings never are)."""

    type: KqlType
    span: Span = field(default=NOWHERE, compare=False)

    @property
    def nullable(self) -> bool:
        """Return whether its SQL may be NULL."""
        return self.type != KqlType.STRING


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Bound):
    """A literal; see tree.Literal for what `value` is."""

    value: Scalar

    @property
    def nullable(self) -> bool:
        """Return whether it is a typed null."""
        return self.value is None


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of an order; strings order by code point."""

    value: Bound
    ascending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Rows with `columns`. `order` is the order the rows are in (empty = none): its keys may use hidden columns of the relation.

    `open`: rows of other data could have more columns (bag_unpack, pivot), so a name that is none of them is null, not an error.
    """

    columns: tuple[Column, ...]
    order: tuple[SortKey, ...] = ()
    open: bool = False
