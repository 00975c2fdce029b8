"""How conditions are made true or false: the operators that give a bool."""

from __future__ import annotations

from typing import Any

from kql_satisfy_maker import CONDITIONS, Derived, Fixed, Maker, Row, registered
from kql_satisfy_slots import NOW, OPEN, Slot, Want, equals
from rowwise_functions import FUNCTIONS

from nephoscope_kql.plan import expressions as bound
from nephoscope_kql.plan.values import Bound

FLIPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
HINTS: dict[str, Any] = {
    "has": lambda text: Want(pieces=(text,)),
    "contains": lambda text: Want(pieces=(text,)),
    "hasprefix": lambda text: Want(pieces=(text,)),
    "hassuffix": lambda text: Want(pieces=(text,)),
    "startswith": lambda text: Want(prefix=text),
    "endswith": lambda text: Want(suffix=text),
    "=~": lambda text: Want(choices=(text,)),
    "matches regex": lambda text: Want(patterns=((text, ()),)),
}


@registered(CONDITIONS, "and")
def both(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    if flag:
        return all(maker.require(one, True, row) for one in call.arguments)
    return either_way(maker, call, False, row)


@registered(CONDITIONS, "or")
def either(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    if flag:
        return either_way(maker, call, True, row)
    return all(maker.require(one, False, row) for one in call.arguments)


def either_way(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    """One of the operands has the value; a chain of the same operator is one choice."""
    parts = chain(call)
    return any(maker.attempt(lambda one=one: maker.require(one, flag, row)) for one in maker.turned(parts))


def chain(call: Bound, name: str = "") -> list[Bound]:
    """The operands of a chain of one operator."""
    if not isinstance(call, bound.BoundCall) or (name and call.function.name != name):
        return [call]
    return [part for one in call.arguments for part in chain(one, call.function.name)]


@registered(CONDITIONS, "not")
def negation(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    return maker.require(call.arguments[0], not flag, row)


@registered(CONDITIONS, "iff", "iif", "case")
def branches(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    from kql_satisfy_values import each_branch

    return each_branch(maker, call, row, lambda value: maker.require(value, flag, row))


def closed(value: Bound) -> bool:
    """Whether a value needs no row."""
    return not bound.reads_row(value) and not isinstance(value, bound.InQuery)


@registered(CONDITIONS, *FLIPPED)
def comparison(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    name = call.function.name if flag else OPPOSITE[call.function.name]
    left, right = call.arguments
    if closed(right):
        return maker.give(left, compared(name, maker.fix(right, row)), row)
    if closed(left):
        return maker.give(right, compared(FLIPPED[name], maker.fix(left, row)), row)
    if name == "==":
        return alike(maker, left, row, right, row)
    return maker.attempt(
        lambda: maker.give(left, compared(name, maker.fix(right, row)), row)
    ) or maker.attempt(lambda: maker.give(right, compared(FLIPPED[name], maker.fix(left, row)), row))


def compared(name: str, value: Any) -> Want:
    """The want of `x name value`."""
    if value is OPEN or value is None:
        return Want((lambda _found: False,))
    tests = {
        "==": lambda found: found == value,
        "!=": lambda found: found is not None and found != value,
        "<": lambda found: found is not None and found < value,
        "<=": lambda found: found is not None and found <= value,
        ">": lambda found: found is not None and found > value,
        ">=": lambda found: found is not None and found >= value,
    }
    if name == "==":
        return Want((tests[name],), (value,))
    if not isinstance(value, int | float) or isinstance(value, bool) or name == "!=":
        return Want((tests[name],))
    low = value if name in (">", ">=") else None
    return Want((tests[name],), low=low, high=value if low is None else None)


def alike(maker: Maker, one: Bound, row: Row, two: Bound, other: Row) -> bool:
    """Make two expressions equal: the same cell where both are plain, else one follows the other."""
    mine, yours = plain(maker, one, row), plain(maker, two, other)
    if mine is not None and yours is not None and mine.kind == yours.kind:
        return maker.attempt(lambda: mine.unite(yours))
    first_fixed = mine is not None and mine.fixed is not OPEN
    pairs = [(two, other, one, row), (one, row, two, other)]
    for source, its_row, target, target_row in pairs[::-1] if first_fixed or mine is None else pairs:
        if maker.attempt(lambda s=source, i=its_row, t=target, r=target_row: follow(maker, s, i, t, r)):
            return True
    return False


def follow(maker: Maker, source: Bound, its_row: Row, target: Bound, row: Row) -> bool:
    value = maker.fix(source, its_row)
    return value is not OPEN and maker.give(target, equals(value), row)


def plain(maker: Maker, value: Bound, row: Row) -> Slot | None:
    """The open cell that an expression is, where it is nothing more."""
    from kql_satisfy_values import document

    if isinstance(value, bound.ColumnRef):
        cell = row[value.column.id]
        if isinstance(cell, Slot):
            return cell.found()
        return plain(maker, cell.value, cell.row) if isinstance(cell, Derived) else None
    if isinstance(value, bound.DynamicPath):
        return document(maker, value, row)
    if isinstance(value, bound.BoundCall) and value.function.name == "tostring":
        return plain(maker, value.arguments[0], row)
    return None


def text_condition(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    name = call.function.name
    if name.startswith("!"):
        name, flag = name[1:], not flag
        name = "=~" if name == "~" else name
    term = maker.fix(call.arguments[1], row)
    if term is OPEN:
        return maker.give(call.arguments[1], Want((lambda _found: False,)), row)
    test = Want((lambda found: bool(FUNCTIONS[name]([found, term], call, NOW)) == flag,))
    hint = HINTS[name.removesuffix("_cs")](str(term)) if flag else Want()
    return maker.give(call.arguments[0], test.merged(hint), row)


for _name in HINTS:
    for _form in (_name, f"{_name}_cs", f"!{_name}", f"!{_name}_cs", "!~"):
        if _form in FUNCTIONS:
            CONDITIONS[_form] = text_condition


def listed(maker: Maker, items: tuple[Bound, ...], row: Row) -> list[Any]:
    """The values of a list, arrays flattened."""
    found: list[Any] = []
    for item in items:
        value = maker.fix(item, row)
        found += value if isinstance(value, list) else [] if value is OPEN else [value]
    return found


@registered(CONDITIONS, "in", "in~", "has_any", "has_all")
def membership(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    name = call.function.name
    values = listed(maker, call.arguments[1:], row)
    if not values:
        return not flag
    test = Want((lambda found: bool(FUNCTIONS[name]([found, *values], call, NOW)) == flag,))
    if not flag:
        return maker.give(call.arguments[0], test, row)
    if name == "has_all":
        return maker.give(call.arguments[0], test.merged(Want(pieces=tuple(map(str, values)))), row)
    if name == "has_any":
        return any(
            maker.attempt(
                lambda one=one: maker.give(call.arguments[0], test.merged(Want(pieces=(str(one),))), row)
            )
            for one in maker.turned(values)[:40]
        )
    return maker.give(call.arguments[0], test.merged(Want(choices=tuple(maker.turned(values)))), row)


@registered(CONDITIONS, "in query")
def in_query(maker: Maker, value: bound.InQuery, flag: bool, row: Row) -> bool:
    if flag == value.negated:
        return True
    other = maker.row(value.relation)
    column = bound.ColumnRef(type=value.column.type, column=value.column)
    return alike(maker, value.operand, row, column, other)


@registered(CONDITIONS, "isnotempty", "notempty", "isempty", "isnotnull", "notnull", "isnull")
def presence(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    wanted = call.function.name.startswith(("isnot", "not")) == flag
    if not wanted and maker.give(
        call.arguments[0], Want((lambda found: found in (None, ""),), ("", None)), row
    ):
        return True
    if not wanted:
        return False
    return maker.give(call.arguments[0], Want((lambda found: found is not None and found != "",)), row)


@registered(CONDITIONS, "_matched")
def matched(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    pattern = maker.fix(call.arguments[1], row)
    if not flag or not isinstance(pattern, str):
        return False
    return maker.give(call.arguments[0], Want(patterns=((pattern, ()),)), row)


@registered(
    CONDITIONS,
    "ipv4_is_private",
    "ipv4_is_in_range",
    "ipv4_is_match",
    "ipv4_is_in_any_range",
    "has_ipv4",
    "has_any_ipv4",
)
def address(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    """The argument that depends on a row gets an address: a private one, a public one, one of the others' range."""
    place = next((at for at, one in enumerate(call.arguments) if not closed(one)), 0)
    cells = [maker.fix(one, row) if at != place else None for at, one in enumerate(call.arguments)]
    inside = [
        str(text).partition("/")[0] for cell in cells for text in (cell if isinstance(cell, list) else [cell])
    ]
    choices = ("10.0.0.5", "203.0.113.7", "198.51.100.20", "52.1.2.3", *inside)
    body = FUNCTIONS.get(call.function.name)

    def test(found: Any) -> bool:
        if body is None:
            return (found in inside) == flag
        return bool(body([*cells[:place], found, *cells[place + 1 :]], call, NOW)) == flag

    return maker.give(call.arguments[place], Want((test,), tuple(maker.turned(list(choices)))), row)


@registered(CONDITIONS, "set_has_element", "bag_has_key")
def holds(maker: Maker, call: bound.BoundCall, flag: bool, row: Row) -> bool:
    from kql_satisfy_values import element

    if not flag or call.function.name == "bag_has_key":
        return not flag
    cell = element(maker, call.arguments[0], row)
    value = maker.fix(call.arguments[1], row)
    return cell is not None and not isinstance(cell, Fixed) and maker.give_cell(cell, equals(value))
