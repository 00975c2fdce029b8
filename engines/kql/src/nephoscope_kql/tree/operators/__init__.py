"""The tabular operators of a pipe, a class each, a file a kind of work."""

from __future__ import annotations

from nephoscope_kql.tree.operators.aggregation import (
    MakeSeries as MakeSeries,
)
from nephoscope_kql.tree.operators.aggregation import (
    NestedClause as NestedClause,
)
from nephoscope_kql.tree.operators.aggregation import (
    Reduce as Reduce,
)
from nephoscope_kql.tree.operators.aggregation import (
    SeriesItem as SeriesItem,
)
from nephoscope_kql.tree.operators.aggregation import (
    Summarize as Summarize,
)
from nephoscope_kql.tree.operators.aggregation import (
    TopHitters as TopHitters,
)
from nephoscope_kql.tree.operators.aggregation import (
    TopNested as TopNested,
)
from nephoscope_kql.tree.operators.branching import (
    Evaluate as Evaluate,
)
from nephoscope_kql.tree.operators.branching import (
    Facet as Facet,
)
from nephoscope_kql.tree.operators.branching import (
    Fork as Fork,
)
from nephoscope_kql.tree.operators.branching import (
    Invoke as Invoke,
)
from nephoscope_kql.tree.operators.branching import (
    Partition as Partition,
)
from nephoscope_kql.tree.operators.branching import (
    Scan as Scan,
)
from nephoscope_kql.tree.operators.branching import (
    ScanDeclaration as ScanDeclaration,
)
from nephoscope_kql.tree.operators.branching import (
    ScanStep as ScanStep,
)
from nephoscope_kql.tree.operators.columns import (
    Extend as Extend,
)
from nephoscope_kql.tree.operators.columns import (
    Print as Print,
)
from nephoscope_kql.tree.operators.columns import (
    Project as Project,
)
from nephoscope_kql.tree.operators.columns import (
    ProjectAway as ProjectAway,
)
from nephoscope_kql.tree.operators.columns import (
    ProjectByNames as ProjectByNames,
)
from nephoscope_kql.tree.operators.columns import (
    ProjectKeep as ProjectKeep,
)
from nephoscope_kql.tree.operators.columns import (
    ProjectRename as ProjectRename,
)
from nephoscope_kql.tree.operators.columns import (
    ProjectReorder as ProjectReorder,
)
from nephoscope_kql.tree.operators.columns import (
    Range as Range,
)
from nephoscope_kql.tree.operators.columns import (
    Serialize as Serialize,
)
from nephoscope_kql.tree.operators.expanding import (
    ExpandItem as ExpandItem,
)
from nephoscope_kql.tree.operators.expanding import (
    MvApply as MvApply,
)
from nephoscope_kql.tree.operators.expanding import (
    MvExpand as MvExpand,
)
from nephoscope_kql.tree.operators.expanding import (
    Parse as Parse,
)
from nephoscope_kql.tree.operators.expanding import (
    ParseKv as ParseKv,
)
from nephoscope_kql.tree.operators.expanding import (
    ParseStar as ParseStar,
)
from nephoscope_kql.tree.operators.expanding import (
    ParseText as ParseText,
)
from nephoscope_kql.tree.operators.filtering import (
    Count as Count,
)
from nephoscope_kql.tree.operators.filtering import (
    Distinct as Distinct,
)
from nephoscope_kql.tree.operators.filtering import (
    Sample as Sample,
)
from nephoscope_kql.tree.operators.filtering import (
    SampleDistinct as SampleDistinct,
)
from nephoscope_kql.tree.operators.filtering import (
    Sort as Sort,
)
from nephoscope_kql.tree.operators.filtering import (
    Take as Take,
)
from nephoscope_kql.tree.operators.filtering import (
    Top as Top,
)
from nephoscope_kql.tree.operators.filtering import (
    Where as Where,
)
from nephoscope_kql.tree.operators.graphs import (
    GraphEdge as GraphEdge,
)
from nephoscope_kql.tree.operators.graphs import (
    GraphMarkComponents as GraphMarkComponents,
)
from nephoscope_kql.tree.operators.graphs import (
    GraphMatch as GraphMatch,
)
from nephoscope_kql.tree.operators.graphs import (
    GraphNodes as GraphNodes,
)
from nephoscope_kql.tree.operators.graphs import (
    GraphSequence as GraphSequence,
)
from nephoscope_kql.tree.operators.graphs import (
    GraphToTable as GraphToTable,
)
from nephoscope_kql.tree.operators.graphs import (
    GraphWhere as GraphWhere,
)
from nephoscope_kql.tree.operators.graphs import (
    MakeGraph as MakeGraph,
)
from nephoscope_kql.tree.operators.joins_and_unions import (
    Find as Find,
)
from nephoscope_kql.tree.operators.joins_and_unions import (
    Join as Join,
)
from nephoscope_kql.tree.operators.joins_and_unions import (
    Lookup as Lookup,
)
from nephoscope_kql.tree.operators.joins_and_unions import (
    MacroExpand as MacroExpand,
)
from nephoscope_kql.tree.operators.joins_and_unions import (
    Search as Search,
)
from nephoscope_kql.tree.operators.joins_and_unions import (
    Union as Union,
)
from nephoscope_kql.tree.operators.result_operators import (
    As as As,
)
from nephoscope_kql.tree.operators.result_operators import (
    AssertSchema as AssertSchema,
)
from nephoscope_kql.tree.operators.result_operators import (
    Consume as Consume,
)
from nephoscope_kql.tree.operators.result_operators import (
    GetSchema as GetSchema,
)
from nephoscope_kql.tree.operators.result_operators import (
    Render as Render,
)
from nephoscope_kql.tree.operators.result_operators import (
    UnknownOperator as UnknownOperator,
)
