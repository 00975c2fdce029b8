"""Scalar expressions, by precedence.

or < and < == != in between has_any < < <= > >= < has contains =~ ... < + - < * / % < sign < a.b a[b] f(x)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.errors import Span, make_invalid_error
from nephoscope_kql.parser.constants import is_constant, parse_constant, parse_relative_date, parse_type_name
from nephoscope_kql.tree import (
    Between,
    Binary,
    Call,
    Index,
    InList,
    Member,
    MemberCall,
    Name,
    Named,
    Star,
    Unary,
)

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression

_OR, _AND, _EQUAL, _ORDER, _TEXT, _SUM, _PRODUCT = range(1, 8)

_SPELLED = {
    "<>": "!=",
    "notcontains": "!contains",
    "containscs": "contains_cs",
    "notcontainscs": "!contains_cs",
    "notlike": "!like",
    "likecs": "like_cs",
    "notlikecs": "!like_cs",
}
"""Old and short spellings of operators, and what the tree holds."""

LISTS = frozenset(("in", "!in", "in~", "!in~", "has_any", "has_all"))
"""Operators with a list at their right."""

_TEXT_WORDS = (
    "=~ !~ : has !has has_cs !has_cs hasprefix !hasprefix hasprefix_cs !hasprefix_cs hassuffix !hassuffix hassuffix_cs"
    " !hassuffix_cs like notlike likecs notlikecs contains notcontains !contains containscs contains_cs notcontainscs"
    " !contains_cs startswith !startswith startswith_cs !startswith_cs endswith !endswith endswith_cs !endswith_cs matches"
)
PRECEDENCE: dict[str, int] = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("==", "!=", "<>", "between", "!between", *LISTS), _EQUAL),
    **dict.fromkeys(("<", "<=", ">", ">="), _ORDER),
    **dict.fromkeys(_TEXT_WORDS.split(), _TEXT),
    **dict.fromkeys(("+", "-"), _SUM),
    **dict.fromkeys(("*", "/", "%"), _PRODUCT),
}
"""Every operator between two operands as the text spells it, and how strongly it binds."""

_CHAINED = frozenset((_SUM, _PRODUCT))
MAX_TERMS = 250
"""Terms of a sum such as `a + b - c`, which are no levels of nesting."""


def parse_expression(c: Cursor) -> Expression:
    """A scalar expression; a parenthesis in it may hold a tabular one."""
    c.descend()
    node = _parse_binary(c, _OR)
    c.leave_level()
    return node


def _parse_binary(c: Cursor, lowest: int) -> Expression:
    outer, c.height = c.height, 0
    node = _parse_by_precedence(c, lowest)
    c.increase_height(outer)
    return node


def _parse_by_precedence(c: Cursor, lowest: int) -> Expression:
    start = c.token.start
    left = _parse_sign(c)
    ceiling = _PRODUCT
    terms = 1
    while True:
        token = c.token
        level = PRECEDENCE.get(token.text, 0)
        if level < lowest or level > ceiling or level == 0:
            return left
        join = _parse_chain if level <= _AND else _parse_operation
        left = join(c, left, level, start)
        terms = terms + 1 if level == ceiling else 2
        if terms > MAX_TERMS:
            raise make_invalid_error(f"a sum of more than {MAX_TERMS} terms", token.span, "split it with let")
        if terms == 2 or level != _SUM:
            c.increase_height()
        ceiling = level if level <= _AND or level in _CHAINED else level - 1


def _parse_chain(c: Cursor, first: Expression, level: int, start: int) -> Expression:
    """`a or b or c ...` as a balanced tree: any bracketing means the same, and a flat one keeps long chains shallow."""
    operator = c.token.text
    operands = [first]
    while c.token.text == operator:
        c.read_token()
        operands.append(_parse_binary(c, level + 1))
    flat = [part for operand in operands for part in flatten_operands(operand, operator)]
    for _ in range(len(flat).bit_length() - 1):
        c.increase_height()
    node = balance_operands(flat, operator)
    return Binary(operator=operator, left=node.left, right=node.right, span=c.make_span(start))


def flatten_operands(node: Expression, operator: str) -> list[Expression]:
    """The operands of a chain of `and` or of `or`, from left to right."""
    pending = [node]
    found: list[Expression] = []
    while pending:
        current = pending.pop()
        if isinstance(current, Binary) and current.operator == operator:
            pending += (current.right, current.left)
        else:
            found.append(current)
    return found


def balance_operands(operands: list[Expression], operator: str) -> Binary:
    """Two or more operands of `and` or `or` as a tree of the least height."""
    middle = (len(operands) + 1) // 2
    left, right = operands[:middle], operands[middle:]
    first = left[0] if len(left) == 1 else balance_operands(left, operator)
    second = right[0] if len(right) == 1 else balance_operands(right, operator)
    return Binary(operator=operator, left=first, right=second, span=Span(first.span.start, second.span.end))


def _parse_operation(c: Cursor, left: Expression, level: int, start: int) -> Expression:
    word = c.read_token().text
    operator = _SPELLED.get(word, word)
    if word in LISTS:
        items = _parse_list(c)
        return InList(operator=operator, operand=left, items=items, span=c.make_span(start))
    if word in ("between", "!between"):
        return _parse_between_bounds(c, operator, left, start)
    if word == "matches":
        c.expect("regex")
        operator = "matches regex"
    right = _parse_binary(c, level + 1)
    return Binary(operator=operator, left=left, right=right, span=c.make_span(start))


def _parse_list(c: Cursor) -> tuple[Expression, ...]:
    items: list[Expression] = []
    c.expect("(")
    if c.token.text == ")":
        raise c.build_expected_error("a value")
    c.read_separated_items(lambda c: items.append(c.parse_rows()), ")")
    return tuple(items)


def _parse_between_bounds(c: Cursor, operator: str, operand: Expression, start: int) -> Expression:
    c.expect("(")
    low = parse_expression(c)
    c.expect("..")
    high = parse_expression(c)
    c.expect(")")
    return Between(operator=operator, operand=operand, low=low, high=high, span=c.make_span(start))


def _parse_sign(c: Cursor) -> Expression:
    token = c.token
    if token.kind == "mark" and token.text in "+-":
        c.read_token()
        operand = parse_access(c)
        c.increase_height()
        return Unary(operator=token.text, operand=operand, span=c.make_span(token.start))
    if token.text == "*" and 0 < PRECEDENCE.get(c.peek().text, 0) <= _TEXT:
        c.read_token()
        return Star(span=token.span)
    return parse_access(c)


def parse_access(c: Cursor, *, starred: bool = False) -> Expression:
    """A primary expression with members and elements after it: `f(x).a[0]["b"]`.

    With `starred` it ends before the dot of a name with a star: `database('x').T*`.
    """
    start = c.token.start
    node = _parse_primary(c)
    while True:
        text = c.token.text
        if text == "." and not (starred and _is_star_next(c)):
            c.read_token()
            node = _parse_member(c, node, start)
        elif text == "[" and c.token.kind == "mark":
            node = _parse_element(c, node, start)
        else:
            return node
        c.increase_height()


def _is_star_next(c: Cursor) -> bool:
    following, after = c.peek(), c.peek(2)
    return following.text == "*" or (
        following.kind == "name" and after.text == "*" and after.start == following.end
    )


def _parse_member(c: Cursor, target: Expression, start: int) -> Expression:
    if c.token.text == "[":
        if c.is_name():
            return Member(target=target, name=c.read_name().name, span=c.make_span(start))
        return _parse_element(c, target, start)
    if c.peek().text == "(" and c.token.kind == "name":
        inner = parse_call(c)
        return MemberCall(target=target, call=inner, span=c.make_span(start))
    return Member(target=target, name=c.read_name("the name of a property").name, span=c.make_span(start))


def _parse_element(c: Cursor, target: Expression, start: int) -> Index:
    c.expect("[")
    index = parse_expression(c)
    c.expect("]")
    return Index(target=target, index=index, span=c.make_span(start))


def _parse_primary(c: Cursor) -> Expression:
    token = c.token
    if is_constant(token):
        return parse_relative_date(c) or parse_constant(c)
    if token.text == "(":
        return _parse_parenthesis(c)
    if token.text == "[":
        return c.read_name("an expression")
    if token.kind != "name":
        raise c.build_expected_error(
            "an expression", "a block comment is written with // on each line" if token.text == "/" else ""
        )
    if token.text in ("datatable", "externaldata", "external_data"):
        return c.parse_rows()
    if token.text in ("toscalar", "totable", "materialize") and c.peek().text in ("(", "kind"):
        return _parse_rows_argument(c)
    if token.text == "typeof" and c.peek().text == "(":
        return _parse_typeof(c)
    if c.peek().text == "(":
        return parse_call(c)
    return c.read_name("an expression")


def _parse_parenthesis(c: Cursor) -> Expression:
    c.read_token()
    node = c.parse_rows()
    c.expect(")")
    return node


def _parse_rows_argument(c: Cursor) -> Call:
    """`toscalar(rows)`, `materialize(rows)`; an optional `kind=nooptimization` changes no value."""
    token = c.read_token()
    if c.accept("kind"):
        c.expect("=")
        c.expect("nooptimization")
    c.expect("(")
    inner = c.parse_rows()
    c.expect(")")
    return Call(name=token.text, arguments=(inner,), span=c.make_span(token.start))


def _parse_typeof(c: Cursor) -> Call:
    """`typeof(long)`: a Call whose arguments are the types as Name nodes (a Star for `*`)."""
    start = c.read_token().start
    types: list[Expression] = []

    def read(c: Cursor) -> None:
        token = c.token
        if c.accept("*"):
            types.append(Star(span=token.span))
            return
        if c.peek().text == ":":
            name = c.read_declared_name()
            c.read_token()
            kind = Name(name=parse_type_name(c).value)
            types.append(Named(names=(name,), value=kind, span=c.make_span(token.start)))
        else:
            types.append(Name(name=parse_type_name(c).value, span=token.span))

    c.expect("(")
    c.read_separated_items(read, ")")
    return Call(name="typeof", arguments=tuple(types), span=c.make_span(start))


def parse_call(c: Cursor) -> Call:
    """`name(arguments)`."""
    start = c.token.start
    name = c.read_name("the name of a function")
    c.expect("(")
    items: list[Expression] = []
    c.read_separated_items(lambda c: items.append(parse_argument(c)), ")")
    return Call(name=name.name, arguments=tuple(items), span=c.make_span(start))


def parse_argument(c: Cursor) -> Expression:
    """An argument: `*`, `name = value` or a value."""
    token = c.token
    if token.text == "*" and c.peek().text in (")", ","):
        c.read_token()
        return Star(span=token.span)
    return parse_named_expression(c)


def parse_named_expression(c: Cursor) -> Expression:
    """`name = value`, `(a, b) = value`, or a value alone."""
    start = c.token.start
    if c.is_declaration():
        names: tuple[Name, ...] = (c.read_declared_name(),)
    elif c.token.text == "(" and _is_name_list(c):
        names = _parse_name_list(c)
    else:
        return parse_expression(c)
    c.expect("=")
    value = parse_expression(c)
    return Named(names=names, value=value, span=c.make_span(start))


def _is_name_list(c: Cursor) -> bool:
    """Return whether `(a, ['b c']) =` stands here."""
    place = 1
    while True:
        if c.peek(place).kind == "name":
            place += 1
        elif c.peek(place).text == "[" and c.peek(place + 1).kind == "text":
            place += 3
        else:
            return False
        if c.peek(place).text == ")":
            return c.peek(place + 1).text == "="
        if c.peek(place).text != ",":
            return False
        place += 1


def _parse_name_list(c: Cursor) -> tuple[Name, ...]:
    names: list[Name] = []
    c.read_token()
    c.read_separated_items(lambda c: names.append(c.read_declared_name()), ")")
    return tuple(names)


def parse_predicate(c: Cursor) -> Expression:
    """A condition: as an expression, but `a = 1` is an error that says what to write."""
    if c.is_declaration():
        equal = c.peek(c.is_declaration() - 1)
        raise make_invalid_error("a condition compares with '=='", equal.span, "write == instead of =")
    return parse_expression(c)


def parse_expressions(c: Cursor, ends: frozenset[str] = frozenset()) -> tuple[Expression, ...]:
    """Named expressions with commas between them; none where a word of `ends`, a pipe, a closing bracket or the end stands."""
    if c.token.kind == "end" or c.token.text in ends or c.token.text in ("|", ";", ")", "}"):
        return ()
    items = [parse_named_expression(c)]
    while c.accept(","):
        items.append(parse_named_expression(c))
    return tuple(items)
