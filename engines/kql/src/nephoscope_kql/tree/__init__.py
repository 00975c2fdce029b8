"""The tree of a query: every statement, tabular operator and expression of KQL, with its place in the text."""

from __future__ import annotations

from nephoscope_kql.tree import expressions, node, operators, statements
from nephoscope_kql.tree.expressions import (
    Between as Between,
)
from nephoscope_kql.tree.expressions import (
    Binary as Binary,
)
from nephoscope_kql.tree.expressions import (
    Call as Call,
)
from nephoscope_kql.tree.expressions import (
    ColumnDeclaration as ColumnDeclaration,
)
from nephoscope_kql.tree.expressions import (
    Datatable as Datatable,
)
from nephoscope_kql.tree.expressions import (
    EntityGroup as EntityGroup,
)
from nephoscope_kql.tree.expressions import (
    ExternalData as ExternalData,
)
from nephoscope_kql.tree.expressions import (
    Index as Index,
)
from nephoscope_kql.tree.expressions import (
    InList as InList,
)
from nephoscope_kql.tree.expressions import (
    Lambda as Lambda,
)
from nephoscope_kql.tree.expressions import (
    LambdaParameter as LambdaParameter,
)
from nephoscope_kql.tree.expressions import (
    Literal as Literal,
)
from nephoscope_kql.tree.expressions import (
    Member as Member,
)
from nephoscope_kql.tree.expressions import (
    MemberCall as MemberCall,
)
from nephoscope_kql.tree.expressions import (
    Name as Name,
)
from nephoscope_kql.tree.expressions import (
    Named as Named,
)
from nephoscope_kql.tree.expressions import (
    OperatorParameter as OperatorParameter,
)
from nephoscope_kql.tree.expressions import (
    Ordered as Ordered,
)
from nephoscope_kql.tree.expressions import (
    Pipe as Pipe,
)
from nephoscope_kql.tree.expressions import (
    Scalar as Scalar,
)
from nephoscope_kql.tree.expressions import (
    Star as Star,
)
from nephoscope_kql.tree.expressions import (
    TypedName as TypedName,
)
from nephoscope_kql.tree.expressions import (
    Unary as Unary,
)
from nephoscope_kql.tree.expressions import (
    Wildcard as Wildcard,
)
from nephoscope_kql.tree.node import (
    Expression as Expression,
)
from nephoscope_kql.tree.node import (
    Node as Node,
)
from nephoscope_kql.tree.node import (
    Operator as Operator,
)
from nephoscope_kql.tree.node import (
    Statement as Statement,
)
from nephoscope_kql.tree.node import (
    list_children as list_children,
)
from nephoscope_kql.tree.node import (
    walk_nodes as walk_nodes,
)
from nephoscope_kql.tree.statements import (
    AliasStatement as AliasStatement,
)
from nephoscope_kql.tree.statements import (
    Evaluation as Evaluation,
)
from nephoscope_kql.tree.statements import (
    Let as Let,
)
from nephoscope_kql.tree.statements import (
    Pattern as Pattern,
)
from nephoscope_kql.tree.statements import (
    PatternCase as PatternCase,
)
from nephoscope_kql.tree.statements import (
    Query as Query,
)
from nephoscope_kql.tree.statements import (
    QueryParameters as QueryParameters,
)
from nephoscope_kql.tree.statements import (
    Restrict as Restrict,
)
from nephoscope_kql.tree.statements import (
    Set as Set,
)

__all__ = ["expressions", "node", "operators", "statements"]
