"""The tabular operators of a pipe, a class each."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope.kql.tree.expressions import (
    Call,
    ColumnDeclaration,
    Named,
    Ordered,
    Parameter,
    Pipe,
)
from nephoscope.kql.tree.node import Expression, Node, Operator
from nephoscope.kql.types import KqlType


@dataclass(frozen=True, slots=True, kw_only=True)
class Where(Operator):
    """`where predicate` (also `filter`)."""

    predicate: Expression
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend(Operator):
    """`extend name = value, ...`; an item without a name is the bare expression."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project(Operator):
    """`project a, b = value, ...`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectAway(Operator):
    """`project-away a, b*`: Name or Wildcard items."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectKeep(Operator):
    """`project-keep a, b*`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRename(Operator):
    """`project-rename new = old, ...`."""

    items: tuple[Named, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReorder(Operator):
    """`project-reorder a, b* asc`: Name, Wildcard, or Ordered around them (`granny` there for `granny-asc`)."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectByNames(Operator):
    """`project-by-names expression, ...`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarize(Operator):
    """`summarize aggregates by groups`."""

    aggregates: tuple[Expression, ...]
    groups: tuple[Expression, ...] = ()
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct(Operator):
    """`distinct a, b` or `distinct *`."""

    items: tuple[Expression, ...]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Operator):
    """`count` (with `as name`)."""

    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Take(Operator):
    """`take n` (also `limit`)."""

    count: Expression
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort(Operator):
    """`sort by a asc nulls first, ...` (also `order by`)."""

    keys: tuple[Ordered, ...]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Top(Operator):
    """`top n by key`."""

    count: Expression
    keys: tuple[Ordered, ...]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedClause(Node):
    """`n of value with others = label by aggregate order` of top-nested; `count` None means all."""

    count: Expression | None
    value: Expression
    others: Expression | None
    by: Expression
    ascending: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopNested(Operator):
    """`top-nested clause, top-nested clause, ...`."""

    clauses: tuple[NestedClause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopHitters(Operator):
    """`top-hitters n of value by weight`."""

    count: Expression
    value: Expression
    by: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Operator):
    """`sample n`."""

    count: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleDistinct(Operator):
    """`sample-distinct n of value`."""

    count: Expression
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Join(Operator):
    """`join kind=... (right) on conditions`; a condition is a Name or an `==` of `$left.x` and `$right.y`; `where` conditions too."""

    right: Expression
    on: tuple[Expression, ...]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Operator):
    """`lookup kind=... (right) on conditions`."""

    right: Expression
    on: tuple[Expression, ...]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Union(Operator):
    """`union parameters a, (b | ...), c*`: Name, Wildcard, Pipe, Call or Member items; the piped input comes first."""

    items: tuple[Expression, ...]
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpandItem(Node):
    """`name = value to typeof(type)` of mv-expand and mv-apply; `name` '' where it is left out."""

    name: str
    value: Expression
    type: KqlType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MvExpand(Operator):
    """`mv-expand bagexpansion=... with_itemindex=... items limit n`."""

    items: tuple[ExpandItem, ...]
    limit: Expression | None = None
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MvApply(Operator):
    """`mv-apply with_itemindex=... items limit n on (operators)`; `body` is a Pipe without source."""

    items: tuple[ExpandItem, ...]
    body: Pipe
    limit: Expression | None = None
    context: str = ""
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseStar(Node):
    """`*` of a parse pattern: skips text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseText(Node):
    """A string of a parse pattern (a regular expression with kind=regex)."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parse(Operator):
    """`parse kind=... flags=... value with pattern`, and `parse-where` where `filter`.

    The pattern is a tuple of ParseStar, ParseText and ColumnDeclaration (type None = string).
    """

    value: Expression
    pattern: tuple[Node, ...]
    parameters: tuple[Parameter, ...] = ()
    filter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseKv(Operator):
    """`parse-kv value as (columns) with (properties)`."""

    value: Expression
    columns: tuple[ColumnDeclaration, ...]
    properties: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate(Operator):
    """`evaluate plugin(arguments) : (schema)`; `schema` None where it is left out; `extends` for `(*, ...)`."""

    call: Call
    schema: tuple[ColumnDeclaration, ...] | None = None
    extends: bool = False
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke(Operator):
    """`invoke f(arguments)`: the piped rows are the first argument."""

    call: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Print(Operator):
    """`print name = value, ...`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range(Operator):
    """`range name from low to high step step`."""

    name: str
    low: Expression
    high: Expression
    step: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesItem(Node):
    """`name = aggregate default = value` of make-series."""

    value: Expression
    default: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeSeries(Operator):
    """`make-series items on axis from low to high step step by groups`; the old `in range(low, high, step)` fills the same fields."""

    items: tuple[SeriesItem, ...]
    axis: Expression
    step: Expression
    low: Expression | None = None
    high: Expression | None = None
    groups: tuple[Expression, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    in_range: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Serialize(Operator):
    """`serialize name = value, ...`."""

    items: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition(Operator):
    """`partition by column (operators)` or `{ query }`: `body` is a Pipe without source, or a whole query where `scoped`."""

    by: Expression
    body: Pipe
    scoped: bool = False
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork(Operator):
    """`fork name = (operators) ...`: (name or '', Pipe without source) pairs as Named with one name, or bare Pipes."""

    branches: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet(Operator):
    """`facet by columns with (operators)`."""

    columns: tuple[Expression, ...]
    body: Pipe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanDeclaration(Node):
    """`name: type = default` of scan's declare."""

    name: str
    type: KqlType | None
    default: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStep(Node):
    """`step name optional output=all: condition => name = value, ...;`."""

    name: str
    condition: Expression
    assignments: tuple[Named, ...] = ()
    optional: bool = False
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Operator):
    """`scan with_match_id=... declare (...) order by ... partition by ... with (steps)`."""

    steps: tuple[ScanStep, ...]
    declarations: tuple[ScanDeclaration, ...] = ()
    order: tuple[Ordered, ...] = ()
    partition: tuple[Expression, ...] = ()
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Find(Operator):
    """`find withsource=... in (tables) where predicate project columns`: Name, Wildcard, TypedName or the Call `pack(*)`."""

    predicate: Expression
    tables: tuple[Expression, ...] = ()
    columns: tuple[Expression, ...] | None = None
    away: tuple[Expression, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    smart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Operator):
    """`search kind=... in (tables) predicate`; the predicate's bare strings mean `* has`."""

    predicate: Expression
    tables: tuple[Expression, ...] = ()
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class As(Operator):
    """`as name`."""

    name: str
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Render(Operator):
    """`render chart with (properties)`: a hint for whoever shows the rows."""

    chart: str
    properties: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consume(Operator):
    """`consume`: reads all rows, gives none."""

    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSchema(Operator):
    """`getschema`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce(Operator):
    """`reduce by value with threshold=..., characters=...`."""

    value: Expression
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(Operator):
    """An operator whose name the language has but the tree does not (`make-graph`, `graph-match`, ...): refused by name."""

    name: str
