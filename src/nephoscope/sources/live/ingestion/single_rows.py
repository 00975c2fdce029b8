"""Which queries a transform may be: what becomes of a record must not depend on the records that it came with.

How many records a request has is the client's choice of the moment, and a row that an operator leaves out for another's sake would
be acknowledged and lost. Azure has none of these operators in transforms either.
Source: https://learn.microsoft.com/azure/azure-monitor/essentials/data-collection-transformations-structure
"""

from __future__ import annotations

from nephoscope.kql.errors import KqlError
from nephoscope.kql.parser import parse
from nephoscope.kql.tree import Call, ExternalData, Node
from nephoscope.kql.tree.node import Operator, children, walk
from nephoscope.kql.tree.operators import (
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
from nephoscope.kql.tree.statements import Evaluation, Query

_REFUSED: dict[type[Node], str] = {
    Consume: "consume", Facet: "facet", Fork: "fork", Partition: "partition", Sample: "sample", SampleDistinct: "sample-distinct",
    Serialize: "serialize", Take: "take or limit", Top: "top", TopHitters: "top-hitters", TopNested: "top-nested",
}  # fmt: skip
_CALLS = frozenset({"toscalar", "row_number", "row_cumsum", "row_rank_dense", "row_rank_min", "prev", "next"})


def check(text: str) -> None:
    """Raise KqlError, with the place, where the query is wrong, or is no one pipeline that looks at a record at a time."""
    try:
        _check_query(parse(text))
    except KqlError as error:
        raise error.locate(text) from error.__cause__


def _check_query(query: Query) -> None:
    evaluations = [one for one in query.statements if isinstance(one, Evaluation)]
    if len(evaluations) > 1:
        raise KqlError(
            "a transform is one query: a second one begins here", evaluations[1].span, "unsupported"
        )
    _check(query)


def _check(node: Node) -> None:
    for one in children(node):
        if isinstance(one, MvApply):
            _within_record(one)
        elif isinstance(one, ExternalData):
            raise KqlError("a transform reads no files", one.span, "unsupported")
        elif type(one) in _REFUSED or (isinstance(one, Call) and one.name.lower() in _CALLS):
            raise _depends(one)
        else:
            _check(one)


def _within_record(applied: MvApply) -> None:
    """What runs over the elements of one record's array may choose among them."""
    for one in walk(applied):
        if isinstance(one, ExternalData):
            raise KqlError("a transform reads no files", one.span, "unsupported")
        if isinstance(one, Call) and one.name.lower() == "toscalar":
            raise _depends(one)


def _depends(node: Node) -> KqlError:
    said = node.name if isinstance(node, Call) else _REFUSED[type(node)]
    what = "operator" if isinstance(node, Operator) else "function"
    why = f"the {what} {said} makes a row depend on the records that come with it, which a transform must not"
    return KqlError(why, node.span, "unsupported")
