"""SQL expressions as sqlglot nodes: parentheses where precedence needs them, and nothing parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from types import MappingProxyType

from sqlglot import exp

from nephoscope_kql.errors import NOWHERE, KqlError
from nephoscope_kql.types import KqlType

E = exp.Expr
FLAT = 100
"""So many texts are joined one after the other."""

_OPERATORS = MappingProxyType(
    {
        "+": exp.Add,
        "-": exp.Sub,
        "*": exp.Mul,
        "/": exp.Div,
        "//": exp.IntDiv,
        "%": exp.Mod,
        "=": exp.EQ,
        "<>": exp.NEQ,
        "<": exp.LT,
        "<=": exp.LTE,
        ">": exp.GT,
        ">=": exp.GTE,
        "and": exp.And,
        "or": exp.Or,
        "||": exp.DPipe,
        "&": exp.BitwiseAnd,
        "|": exp.BitwiseOr,
        "<<": exp.BitwiseLeftShift,
        ">>": exp.BitwiseRightShift,
        "is distinct from": exp.NullSafeNEQ,
        "is not distinct from": exp.NullSafeEQ,
        "like": exp.Like,
        "ilike": exp.ILike,
    }
)
_LOOSE = (exp.Binary, exp.Unary, exp.Between, exp.In, exp.Predicate, exp.Lambda)

_TYPES = MappingProxyType(
    {
        "BOOLEAN": exp.DataType.Type.BOOLEAN,
        "INTEGER": exp.DataType.Type.INT,
        "BIGINT": exp.DataType.Type.BIGINT,
        "UBIGINT": exp.DataType.Type.UBIGINT,
        "HUGEINT": exp.DataType.Type.INT128,
        "DOUBLE": exp.DataType.Type.DOUBLE,
        "VARCHAR": exp.DataType.Type.VARCHAR,
        "JSON": exp.DataType.Type.JSON,
        "TIMESTAMP": exp.DataType.Type.TIMESTAMP,
        "TIMESTAMPTZ": exp.DataType.Type.TIMESTAMPTZ,
        "DATE": exp.DataType.Type.DATE,
        "BLOB": exp.DataType.Type.BLOB,
        "UUID": exp.DataType.Type.UUID,
    }
)


def build_data_type(name: str) -> exp.DataType:
    """A DuckDB type from its name: `BIGINT`, `DECIMAL(38,17)`, `VARCHAR[]`."""
    if name.endswith("[]"):
        return exp.DataType(
            this=exp.DataType.Type.ARRAY, expressions=[build_data_type(name[:-2])], nested=True
        )
    if name.startswith("DECIMAL("):
        sizes = [exp.DataTypeParam(this=build_number(int(size))) for size in name[8:-1].split(",")]
        return exp.DataType(this=exp.DataType.Type.DECIMAL, expressions=sizes)
    return exp.DataType(this=_TYPES[name])


def wrap_in_parentheses(node: E) -> E:
    """The node in parentheses where an operator around it could take it apart."""
    return exp.Paren(this=node) if isinstance(node, _LOOSE) else node


def build_binary(operator: str, left: E, right: E) -> E:
    """`left operator right`; the operator is SQL's, in lower case. A sum at the left of a sum has no parentheses."""
    first = (
        left if operator in ("+", "-") and isinstance(left, exp.Add | exp.Sub) else wrap_in_parentheses(left)
    )
    return _OPERATORS[operator](this=first, expression=wrap_in_parentheses(right))


def build_chain(operator: str, operands: Iterable[E]) -> E:
    """`a operator b operator c`, left to right; at least one operand. Many texts are joined in halves: their depth is limited."""
    several = list(operands)
    if not several:
        raise ValueError("an operator needs operands")
    kind = _OPERATORS[operator]
    if operator == "||" and len(several) > FLAT:
        middle = len(several) // 2
        return kind(
            this=wrap_in_parentheses(build_chain(operator, several[:middle])),
            expression=wrap_in_parentheses(build_chain(operator, several[middle:])),
        )
    result = several[0]
    for operand in several[1:]:
        result = kind(
            this=_parenthesize_left_operand(operator, result), expression=wrap_in_parentheses(operand)
        )
    return result


def concatenate_texts(texts: Sequence[E]) -> E:
    """The texts one after another, none of them NULL; several at once, so that nothing is made of the first of them alone."""
    return build_call("concat", *texts) if len(texts) > 2 else build_chain("||", texts)


def _parenthesize_left_operand(operator: str, node: E) -> E:
    return node if isinstance(node, _OPERATORS[operator]) else wrap_in_parentheses(node)


def build_call(name: str, *arguments: E) -> E:
    """`name(arguments)`."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def build_text(value: str) -> E:
    """A string literal."""
    return exp.Literal(this=value, is_string=True)


def build_number(value: float) -> E:
    """A number literal; negative ones in parentheses."""
    literal = exp.Literal(this=repr(abs(value)), is_string=False)
    return exp.Paren(this=exp.Neg(this=literal)) if value < 0 else literal


def build_boolean(value: bool) -> E:
    """`TRUE` or `FALSE`."""
    return exp.Boolean(this=value)


def build_null(kind: KqlType | None = None) -> E:
    """`NULL`, cast to a KQL type's storage where one is given."""
    return exp.Null() if kind is None else build_cast(exp.Null(), kind.physical)


def build_cast(node: E, kind: str) -> E:
    """`CAST(node AS kind)`."""
    return exp.Cast(this=node, to=build_data_type(kind))


def try_cast(node: E, kind: str) -> E:
    """`TRY_CAST(node AS kind)`: NULL where it cannot be."""
    return exp.TryCast(this=node, to=build_data_type(kind))


def build_try(node: E) -> E:
    """`TRY(node)`: NULL where the evaluation raises."""
    return without_subqueries(build_call("try", node))


_REACHED = re.compile(r"nephoscope (limit|memory): (at most [0-9,]+ [a-z ]+)")


def limit_text(limit: int, what: str, kind: str = "limit") -> str:
    """Return what an engine raises where there are more than `limit`; `kind` is 'limit' (of the language) or 'memory'
    (of nephoscope)."""
    return f"nephoscope {kind}: at most {limit:,} {what}"


def limit_size(value: E, limit: int, what: str, raising: str = "error") -> E:
    """The value; an error that says `what` there may be at most, where it is greater. `raising` is the dialect's function."""
    message = build_text(limit_text(limit, what))
    return build_case(
        (build_binary(">", value, build_number(limit)), build_call(raising, message)), otherwise=value
    )


def find_limit_error(error: Exception) -> KqlError | None:
    """The error of a query for an engine's error that has a limit's text; None for any other error, which is a fault."""
    found = _REACHED.search(str(error))
    return found and KqlError(found[2], NOWHERE, "invalid" if found[1] == "limit" else "unsupported")


def without_subqueries(node: E) -> E:
    """The node with the sub-queries inside computed around it, by a lambda: TRY takes none, nor does a macro that has a TRY."""
    found = [part for part in node.walk(prune=_is_query) if _is_query(part)]
    if not found:
        return node
    row = f"q{len(found)}"
    fields = {part: f"v{place}" for place, part in enumerate(found)}
    packed = [
        exp.PropertyEQ(this=exp.Identifier(this=field), expression=part) for part, field in fields.items()
    ]
    inside = node.transform(
        lambda part: (
            build_call("struct_extract", build_name(row), build_text(fields[part]))
            if part in fields
            else part
        )
    )
    each = exp.Lambda(this=inside, expressions=[exp.Identifier(this=row)], colon=True)
    once = build_call("list_value", build_call("struct_pack", *packed))
    return build_call("list_extract", build_call("list_transform", once, each), build_number(1))


def compute_once(nodes: Sequence[E], body: Callable[..., E]) -> E:
    """`body` of values that are computed once, however often it names them: macros write their arguments out at every place."""
    fields = [f"v{place}" for place in range(len(nodes))]
    packed = [
        exp.PropertyEQ(this=exp.Identifier(this=field), expression=node)
        for field, node in zip(fields, nodes, strict=True)
    ]
    inside = body(*(build_call("struct_extract", build_name("q"), build_text(field)) for field in fields))
    each = exp.Lambda(this=inside, expressions=[exp.Identifier(this="q")], colon=True)
    values = build_call("list_value", build_call("struct_pack", *packed))
    return build_call("list_extract", build_call("list_transform", values, each), build_number(1))


def _is_query(node: E) -> bool:
    return isinstance(node, exp.Subquery) or (isinstance(node, exp.In) and bool(node.args.get("query")))


def build_not(node: E) -> E:
    """`NOT node`."""
    return exp.Not(this=wrap_in_parentheses(node))


def is_null(node: E) -> E:
    """`node IS NULL`."""
    return exp.Is(this=wrap_in_parentheses(node), expression=exp.Null())


def is_not_null(node: E) -> E:
    """`NOT node IS NULL`."""
    return exp.Not(this=is_null(node))


def build_coalesce(*nodes: E) -> E:
    """`COALESCE(nodes)`."""
    return exp.Coalesce(this=nodes[0], expressions=list(nodes[1:]))


def build_case(*branches: tuple[E, E], otherwise: E | None = None) -> E:
    """`CASE WHEN condition THEN value ... ELSE otherwise END`."""
    return exp.Case(
        ifs=[exp.If(this=condition, true=value) for condition, value in branches],
        default=otherwise or exp.Null(),
    )


def build_in_list(node: E, items: Iterable[E]) -> E:
    """`node IN (items)`."""
    return exp.In(this=wrap_in_parentheses(node), expressions=list(items))


def build_name(identifier: str) -> E:
    """A column or a lambda's parameter by its internal name."""
    return exp.Column(this=exp.Identifier(this=identifier))


def build_stored_column(identifier: str) -> E:
    """A stored column by the name it has in its table."""
    return exp.Column(this=exp.Identifier(this=identifier, quoted=True))


def build_lambda(body: Callable[..., E], *parameters: str) -> E:
    """`LAMBDA x, y : body(x, y)`."""
    arguments = [build_name(parameter) for parameter in parameters]
    return exp.Lambda(
        this=body(*arguments),
        expressions=[exp.Identifier(this=parameter) for parameter in parameters],
        colon=True,
    )


def build_array(items: Iterable[E]) -> E:
    """`[items]`."""
    return exp.Array(expressions=list(items))


def sort_key(node: E, ascending: bool = True, nulls_first: bool = False) -> E:
    """A key of ORDER BY."""
    return exp.Ordered(this=node, desc=not ascending, nulls_first=nulls_first)


def aggregate(
    name: str, *arguments: E, order: Iterable[E] = (), distinct: bool = False, where: E | None = None
) -> E:
    """`name([DISTINCT] arguments ORDER BY order) FILTER (WHERE where)`."""
    items = list(arguments)
    if distinct:
        items = [exp.Distinct(expressions=items)]
    keys = list(order)
    if keys and items:
        items[-1] = exp.Order(this=items[-1], expressions=keys)
    node: E = exp.Anonymous(this=name, expressions=items)
    return node if where is None else exp.Filter(this=node, expression=exp.Where(this=where))


def build_window(
    node: E, partition: Iterable[E] = (), order: Iterable[E] = (), frame: exp.WindowSpec | None = None
) -> E:
    """`node OVER (PARTITION BY partition ORDER BY order frame)`."""
    keys = list(order)
    return exp.Window(
        this=node,
        partition_by=list(partition) or None,
        order=exp.Order(expressions=keys) if keys else None,
        spec=frame,
    )
