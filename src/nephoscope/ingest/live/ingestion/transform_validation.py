"""Transform validation: accept only queries whose result for a record does not depend on other records.

How many records a request has is the client's choice of the moment, and a row that an operator leaves out for another's sake would
be acknowledged and lost. Azure has none of these operators in transforms either.
Source: https://learn.microsoft.com/azure/azure-monitor/essentials/data-collection-transformations-structure
"""

from __future__ import annotations

from collections.abc import Collection

from nephoscope_kql.errors import KqlError, locate_errors
from nephoscope_kql.parser import parse
from nephoscope_kql.tree import Call, ExternalData, Name, Node, Pipe
from nephoscope_kql.tree.node import Operator, list_children, walk_nodes
from nephoscope_kql.tree.operators import (
    Consume,
    Facet,
    Fork,
    MvApply,
    Partition,
    Sample,
    SampleDistinct,
    Serialize,
    Take,
    Top,
    TopHitters,
    TopNested,
)
from nephoscope_kql.tree.statements import Evaluation, Let, Query

_REFUSED: dict[type[Node], str] = {
    Consume: "consume", Facet: "facet", Fork: "fork", Partition: "partition", Sample: "sample", SampleDistinct: "sample-distinct",
    Serialize: "serialize", Take: "take or limit", Top: "top", TopHitters: "top-hitters", TopNested: "top-nested",
}  # fmt: skip
_CALLS = frozenset(
    {
        "toscalar",
        "row_number",
        "row_cumsum",
        "row_rank_dense",
        "row_rank_min",
        "row_rank",
        "row_window_session",
        "prev",
        "next",
    }
)


def check_transform(text: str, table: str, columns: Collection[str]) -> None:
    """Raise KqlError, with the place, where the query is wrong, or is no one pipeline that looks at a record of a table at a time."""
    with locate_errors(text):
        query = parse(text)
        _check_query(query)
        _check_reads(query, table, columns)


def _check_query(query: Query) -> None:
    evaluations = [one for one in query.statements if isinstance(one, Evaluation)]
    if len(evaluations) > 1:
        raise KqlError(
            "a transform must be a single query: a second query starts here",
            evaluations[1].span,
            "unsupported",
        )
    _check_transform_node(query)


def _check_reads(query: Query, table: str, columns: Collection[str]) -> None:
    """The table, and each name that a let gives what is made of it, is read once."""
    names, seen = {table}, set()
    heads = {id(one.source) for one in walk_nodes(query) if isinstance(one, Pipe)}
    for statement in query.statements:
        for one in walk_nodes(statement):
            if not isinstance(one, Name | Call) or one.name not in names:
                continue
            if one.name in columns and id(one) not in heads:
                continue
            if one.name in seen:
                why = f"a transform reads {one.name} once: what it says here of other records depends on which were sent together"
                raise KqlError(why, one.span, "unsupported")
            seen.add(one.name)
            if isinstance(statement, Let):
                names.add(statement.name)


def _check_transform_node(node: Node) -> None:
    for one in list_children(node):
        if isinstance(one, MvApply):
            _check_array_operators(one)
        elif isinstance(one, ExternalData):
            raise KqlError("a transform cannot read files", one.span, "unsupported")
        elif type(one) in _REFUSED or (isinstance(one, Call) and one.name.lower() in _CALLS):
            raise _make_not_row_by_row_error(one)
        else:
            _check_transform_node(one)


def _check_array_operators(applied: MvApply) -> None:
    """What runs over the elements of one record's array may choose among them."""
    for one in walk_nodes(applied):
        if isinstance(one, ExternalData):
            raise KqlError("a transform cannot read files", one.span, "unsupported")
        if isinstance(one, Call) and one.name.lower() == "toscalar":
            raise _make_not_row_by_row_error(one)


def _make_not_row_by_row_error(node: Node) -> KqlError:
    said = node.name if isinstance(node, Call) else _REFUSED[type(node)]
    what = "operator" if isinstance(node, Operator) else "function"
    why = f"the {what} {said} makes a row depend on the records that come with it, which a transform must not"
    return KqlError(why, node.span, "unsupported")
