"""The relations of a bound query: what each tabular operator becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.externaldata import ExternalSource
from nephoscope_kql.plan.expressions import AggregateCall, WindowCall
from nephoscope_kql.plan.values import Bound, Column, Relation

if TYPE_CHECKING:
    import pyarrow as pa

MAX_RANGE = 100_000_000
"""How many values a range has at most."""
MAX_BINS = 2**20
"""How many values an array of make-series has at most. Source: https://learn.microsoft.com/kusto/query/make-series-operator"""
JoinKind = Literal[
    "inner",
    "innerunique",
    "leftouter",
    "rightouter",
    "fullouter",
    "leftsemi",
    "rightsemi",
    "leftanti",
    "rightanti",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableScan(Relation):
    """The rows of a stored table, `columns` in the order of its schema; `ingested` is the hidden column of ingestion_time()."""

    table: TableSchema
    ingested: Column | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class External(Relation):
    """externaldata: the records of files, a column of text (JSON text where it is dynamic) a name of the source."""

    source: ExternalSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Relation):
    """Given rows (datatable, print): each cell an expression without columns. `ordinal` is the hidden column that numbers them."""

    rows: tuple[tuple[Bound, ...], ...]
    ordinal: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers(Relation):
    """`range`: one column from `low` to `high` by `step`."""

    low: Bound
    high: Bound
    step: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Relation):
    """The rows for which `predicate` is true."""

    input: Relation
    predicate: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign(Relation):
    """`columns` of which some are `assigned` by expressions over the input; the others pass through."""

    input: Relation
    assigned: tuple[tuple[Column, Bound], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregated(Relation):
    """One row a group: `groups` then `aggregates`; no group = one row, also of no rows. Without aggregates it is distinct."""

    input: Relation
    groups: tuple[tuple[Column, Bound], ...]
    aggregates: tuple[tuple[Column, AggregateCall], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Relation):
    """Two relations joined on equal `keys` (left, right); null keys match null keys.

    `residual` is a further condition over both sides.

    `columns` are those of the kind, all with ids of the two sides.
    """

    kind: JoinKind
    left: Relation
    right: Relation
    keys: tuple[tuple[Bound, Bound], ...]
    residual: Bound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenated(Relation):
    """`union`: for each input the expressions (over it) that fill `columns`, and last `ingested` where it carries ingestion_time()."""

    inputs: tuple[Relation, ...]
    fills: tuple[tuple[Bound, ...], ...]
    ingested: Column | None = None

    @property
    def filled_columns(self) -> tuple[Column, ...]:
        """Return the columns of the fills, the hidden one last."""
        return self.columns if self.ingested is None else (*self.columns, self.ingested)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted(Relation):
    """The input in the order of `order`."""

    input: Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited(Relation):
    """The first `count` rows of the input's order."""

    input: Relation
    count: Bound


@dataclass(frozen=True, slots=True)
class ExpandedColumn:
    """One expanded value of mv-expand: `array` makes [key, value] pairs of bags, else bags of one key; a null value gives one row."""

    column: Column
    value: Bound
    as_array: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded(Relation):
    """mv-expand: a row of the input for every element; `position` (hidden or named) is the 0-based element.

    The longest value says how many rows there are: a null is one element, an empty array or bag is none.
    """

    input: Relation
    expansions: tuple[ExpandedColumn, ...]
    position: Column
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered(Relation):
    """The input with a column that numbers its rows from 1, in its order (any where it has none)."""

    input: Relation
    number: Column
    partition: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Windowed(Relation):
    """The input with a column that a window function makes, over the input's order, in each `partition` alone."""

    input: Relation
    column: Column
    call: WindowCall
    partition: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOf(Relation):
    """The first row (in the input's order, any where it has none) of each combination of `keys`."""

    input: Relation
    keys: tuple[Bound, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared(Relation):
    """Rows that are computed once and read in several places: `name` is their name inside SQL, `columns` are the input's.

    `hidden` are further columns (here, in the input) that the order uses; `label` is the name that `as` gives.
    """

    input: Relation
    name: str
    label: str = ""
    hidden: tuple[tuple[Column, Column], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph(Relation):
    """make-graph: no rows of its own, so nobody writes it, but the tables of its nodes and edges."""

    nodes: Relation
    edges: Relation


@dataclass(frozen=True, slots=True)
class BoundScanStep:
    """A step of scan: what a row must meet, and what it assigns to declared columns.

    `seen` are the columns (as they are called before they are matched, as conditions and assignments read them) of the last row that
    matched this step. `output`: 'all', 'last' or 'none'.
    """

    name: str
    condition: Bound
    assigned: tuple[tuple[Column, Bound], ...]
    seen: tuple[tuple[Column, Column], ...]
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned(Relation):
    """scan: the rows that match steps, once a step; each `partition` alone. `declared` are columns with their defaults.

    `number` and `step` are hidden columns: the input row's place and the step's, by which the rows are ordered.
    """

    input: Relation
    steps: tuple[BoundScanStep, ...]
    declared: tuple[tuple[Column, Bound], ...]
    match: Column
    number: Column
    step: Column
    partition: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True)
class BoundSeriesItem:
    """One series of make-series: `default` fills the bins that have no rows."""

    column: Column
    call: AggregateCall
    default: Bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Materialized(Relation):
    """Rows that an engine has computed already, for a plugin that had to see them; it finds them under `name`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined(Relation):
    """Relation that an algorithm outside of SQL computes from all the input's rows.

    `body` gets an Arrow array per `values` (all rows of the input) and returns one per column. `name` and `settings` say which
    algorithm it is, for engines that have one of their own.
    """

    input: Relation
    values: tuple[Bound, ...]
    name: str
    settings: tuple[object, ...]
    body: Callable[..., Iterable[pa.Array]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series(Relation):
    """make-series: for each group an array a BoundSeriesItem over bins of `axis`, and the array of the bins' beginnings,
    `axis_column`.

    Bins begin at `low` (None = the least value, rounded down to a multiple of the step) and end before `high`, or with the bin of
    `high` where `inclusive` (None = the greatest value). `nonempty`: of no rows it makes one row of defaults.
    """

    input: Relation
    groups: tuple[tuple[Column, Bound], ...]
    items: tuple[BoundSeriesItem, ...]
    axis: Bound
    axis_column: Column
    low: Bound | None
    high: Bound | None
    step: Bound
    inclusive: bool = False
    nonempty: bool = False


@dataclass(frozen=True, slots=True)
class ResultHint:
    """Hint of `render` for whoever shows the rows."""

    chart: str = ""
    properties: dict[str, str] = field(default_factory=dict)
