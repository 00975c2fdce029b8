"""How an expression is made to have a value: functions turned round, dynamic paths, arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kql_satisfy_maker import GIVERS, Aggregate, Cell, Derived, Fixed, Maker, Row, registered
from kql_satisfy_slots import DAY, OPEN, Slot, Want, concrete, equals
from kql_satisfy_text import group_of, sample
from rowwise_values import convert, datetime_text, text, timespan_text

from nephoscope_kql.plan import expressions as bound
from nephoscope_kql.plan.values import Bound, Constant

PARSERS = ("parse_json", "parsejson", "todynamic", "toobject", "_as_dynamic", "tostring", "parse_xml")
COLLECTORS = (
    "make_set",
    "make_list",
    "makeset",
    "makelist",
    "make_set_if",
    "make_list_if",
    "make_list_with_nulls",
)


def decided(maker: Maker, kind: str, want: Want) -> Any:
    """A value that meets a want."""
    maker.first += 1
    return concrete(kind, want, maker.first)


# documents


@registered(GIVERS, "document")
def document(maker: Maker, value: Bound, row: Row) -> Slot | None:
    """The open dynamic that an expression is, or that its text holds."""
    if isinstance(value, bound.DynamicPath):
        return _inside(maker, value, row)
    if isinstance(value, bound.ColumnRef):
        cell = row[value.column.id]
        if isinstance(cell, Derived):
            return document(maker, cell.value, cell.row)
        if isinstance(cell, Aggregate) and cell.call.aggregate.name not in COLLECTORS:
            return (
                document(maker, cell.call.arguments[-1], cell.group.rows[0]) if cell.call.arguments else None
            )
        return cell.found() if isinstance(cell, Slot) else None
    if not isinstance(value, bound.BoundCall):
        return None
    name = value.function.name
    if name in PARSERS:
        inside = document(maker, value.arguments[0], row)
        if inside is None or inside.kind == "dynamic" or name == "tostring":
            return inside
        return inside.inner("xml" if name == "parse_xml" else "json") if inside.kind == "string" else None
    if name in ("iff", "iif", "coalesce", "case"):
        return _first_document(maker, value, row)
    return None


def _first_document(maker: Maker, value: bound.BoundCall, row: Row) -> Slot | None:
    options = value.arguments if value.function.name == "coalesce" else value.arguments[1::2]
    for place, option in enumerate(options):
        found = document(maker, option, row)
        if found is not None:
            if value.function.name != "coalesce":
                maker.require(value.arguments[2 * place], True, row)
            return found
    return None


def _inside(maker: Maker, value: bound.DynamicPath, row: Row) -> Slot | None:
    keys = [maker.fix(step, row) if isinstance(step, Bound) else step for step in value.steps]
    source = seen_through(value.target, row)
    split = source is not None and source[0].function.name == "split"
    if split or not all(isinstance(key, str | int) for key in keys):
        return None
    cell: Any = document(maker, value.target, row)
    if cell is None and isinstance(keys[0], int):
        first = element(maker, value.target, row)
        cell = plain_slot(maker, first) if first is not None else None
        keys = keys[1:]
    for key in keys:
        if not isinstance(cell, Slot) or cell.fixed is not OPEN:
            return None
        if cell.kind == "string":
            cell = cell.inner("json")
        cell = cell.found().member(key)
    return cell if isinstance(cell, Slot) else None


def plain_slot(maker: Maker, cell: Cell) -> Slot | None:
    if isinstance(cell, Slot):
        return cell.found()
    return document(maker, cell.value, cell.row) if isinstance(cell, Derived) else None


@registered(GIVERS, "path")
def path(maker: Maker, value: bound.DynamicPath, want: Want, row: Row) -> bool:
    """A member of a dynamic, a part of a split."""
    source = seen_through(value.target, row)
    if source is not None and source[0].function.name == "split" and len(value.steps) == 1:
        return _part_of_split(maker, source[0], value.steps[0], want, source[1])
    slot = document(maker, value, row)
    if slot is not None:
        return slot.ask(want)
    if isinstance(value.steps[0], int) and len(value.steps) == 1:
        cell = element(maker, value.target, row)
        return cell is not None and maker.give_cell(cell, want)
    return want.passes(maker.fix(value, row))


def seen_through(value: Bound, row: Row) -> tuple[bound.BoundCall, Row] | None:
    """The call that an expression is, through columns."""
    while isinstance(value, bound.ColumnRef):
        cell = row[value.column.id]
        if not isinstance(cell, Derived):
            return None
        value, row = cell.value, cell.row
    return (value, row) if isinstance(value, bound.BoundCall) else None


def _part_of_split(maker: Maker, call: bound.BoundCall, step: Any, want: Want, row: Row) -> bool:
    delimiter = maker.fix(call.arguments[1], row)
    part = decided(maker, "string", want)
    if not isinstance(step, int) or not isinstance(delimiter, str) or not delimiter or part is OPEN:
        return False
    if delimiter in part:
        return False
    return maker.give(call.arguments[0], Want(splits=((delimiter, ((step, part),)),)), row)


# arrays


def element(maker: Maker, value: Bound, row: Row) -> Cell | None:
    """The cell of one element of an array."""
    if isinstance(value, Constant) and isinstance(value.value, list) and value.value:
        maker.first += 1
        return Fixed(value.value[(maker.seed + maker.first) % len(value.value)])
    if isinstance(value, bound.ColumnRef):
        return _element_of_cell(maker, row[value.column.id], value, row)
    if isinstance(value, bound.BoundCall):
        return _element_of_call(maker, value, row)
    slot = document(maker, value, row)
    return None if slot is None else slot.member(0)


def _element_of_cell(maker: Maker, cell: Cell, value: Bound, row: Row) -> Cell | None:
    if isinstance(cell, Derived):
        return element(maker, cell.value, cell.row)
    if isinstance(cell, Fixed):
        return Fixed(cell.value[0]) if isinstance(cell.value, list) and cell.value else None
    if isinstance(cell, Aggregate) and cell.call.aggregate.name in COLLECTORS:
        return Derived(cell.call.arguments[0], cell.group.rows[0])
    slot = document(maker, value, row)
    return None if slot is None else slot.member(0)


def _element_of_call(maker: Maker, call: bound.BoundCall, row: Row) -> Cell | None:
    name = call.function.name
    if name in (
        "pack_array",
        "array_concat",
        "set_union",
        "array_sort_asc",
        "array_sort_desc",
        "array_slice",
    ):
        first = call.arguments[0]
        return Derived(first, row) if name == "pack_array" else element(maker, first, row)
    if name == "split" and len(call.arguments) == 2:
        path_ = bound.DynamicPath(type=call.type, target=call, steps=(0,))
        return Derived(path_, row)
    slot = document(maker, call, row)
    return None if slot is None else slot.member(0)


@registered(GIVERS, "array_length", "arraylength")
def array_length(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    size = decided(maker, "long", want)
    cell = row[call.arguments[0].column.id] if isinstance(call.arguments[0], bound.ColumnRef) else None
    if isinstance(cell, Aggregate) and isinstance(size, int):
        return maker.give_cell(cell, Want(length=size))
    source = seen_through(call.arguments[0], row)
    if source is not None and source[0].function.name == "split":
        return size is not OPEN and _part_of_split(maker, source[0], size - 1, Want(), source[1])
    slot = document(maker, call.arguments[0], row)
    return slot is not None and isinstance(size, int) and slot.ask(Want(length=size))


# conversions and text


@registered(GIVERS, "tostring")
def tostring(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    kind = str(call.arguments[0].type)
    if kind in ("string", "guid", "dynamic"):
        return maker.give(call.arguments[0], want, row)
    value = decided(maker, "string", want)
    if value is OPEN:
        return False
    found = convert("string", kind, value)
    if found is None or not want.passes(text(kind, found)):
        found = decided(maker, kind, Want((lambda one: want.passes(text(kind, one)),)))
    return found is not OPEN and maker.give(call.arguments[0], equals(found), row)


@registered(
    GIVERS,
    "tolong",
    "toint",
    "toreal",
    "todouble",
    "todecimal",
    "todatetime",
    "tobool",
    "toboolean",
    "totimespan",
    "toguid",
)
def converted(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    wanted, kind = str(call.type), str(call.arguments[0].type)
    value = decided(maker, wanted, want)
    if value is OPEN:
        return False
    if kind in ("string", "dynamic"):
        writers = {"datetime": datetime_text, "timespan": timespan_text}
        plain = kind == "dynamic" and wanted in ("long", "int", "real", "bool")
        given = value if plain else writers.get(wanted, lambda one: text(wanted, one))(value)
    else:
        given = convert(wanted, kind, value)
    choices = (given, str(given)) if kind == "dynamic" else (given,)
    test = Want((lambda one: want.passes(convert(_kind(kind, one), wanted, one)),), choices)
    return maker.give(call.arguments[0], test, row)


def _kind(kind: str, value: Any) -> str:
    return "string" if kind == "dynamic" and isinstance(value, str) else kind


@registered(
    GIVERS,
    "tolower",
    "toupper",
    "trim",
    "trim_start",
    "trim_end",
    "url_decode",
    "abs",
    "round",
    "replace_string",
    "replace_regex",
    "replace",
    "strcat_array",
    "max_of",
    "min_of",
    "floor",
    "ceiling",
)
def passed_on(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    """Functions that leave most values as they are: the value is asked of the argument, and proven."""
    place = {"trim": 1, "trim_start": 1, "trim_end": 1, "replace": 2}.get(call.function.name, 0)
    change = {"tolower": str.lower, "toupper": str.upper}.get(call.function.name, lambda one: one)
    tests = tuple((lambda one, test=test: test(change(one))) for test in want.tests)
    asked = Want(
        tests,
        want.choices,
        want.low,
        want.high,
        want.pieces,
        want.prefix,
        want.suffix,
        want.length,
        want.patterns,
        want.splits,
    )
    return maker.give(call.arguments[place], asked, row)


@registered(GIVERS, "strcat")
def strcat(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    hints = Want(pieces=want.pieces, patterns=want.patterns)
    open_ones = [one for one in call.arguments if not isinstance(one, Constant)]
    return any(
        maker.attempt(lambda one=one: _through(maker, call, one, hints, want, row)) for one in open_ones
    )


def _through(maker: Maker, call: bound.BoundCall, one: Bound, hints: Want, want: Want, row: Row) -> bool:
    return maker.give(one, hints, row) and want.passes(maker.fix(call, row))


@registered(GIVERS, "strlen", "string_size")
def strlen(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    size = decided(maker, "long", want)
    test = Want((lambda found: want.passes(len(found)),), length=size if isinstance(size, int) else 0)
    return maker.give(call.arguments[0], test, row)


@registered(GIVERS, "substring")
def substring(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    value, start = decided(maker, "string", want), maker.fix(call.arguments[1], row)
    if value is OPEN or not isinstance(start, int) or start < 0:
        return False
    return maker.give(call.arguments[0], Want(prefix="a" * start + value), row)


@registered(GIVERS, "extract")
def extract(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    pattern, group = maker.fix(call.arguments[0], row), maker.fix(call.arguments[1], row)
    if not isinstance(pattern, str) or not isinstance(group, int):
        return False
    for text_ in (decided(maker, "string", want), group_of(pattern, sample(pattern, {}), group)):
        if isinstance(text_, str) and want.passes(group_of(pattern, sample(pattern, {group: text_}), group)):
            asked = Want(patterns=((pattern, ((group, text_),) if group else ()),))
            return maker.give(call.arguments[2], asked, row)
    return False


def pattern_of(maker: Maker, value: Bound, row: Row) -> tuple[Bound, str, Row] | None:
    """The text and the pattern of a parse operator whose parts an expression is."""
    source = seen_through(value, row)
    while source is not None and source[0].function.name == "_parts_if":
        source = seen_through(source[0].arguments[0], source[1])
    if source is None or source[0].function.name != "_parsed":
        return None
    call, its_row = source
    return call.arguments[0], str(maker.fix(call.arguments[1], its_row)), its_row


@registered(GIVERS, "_part")
def part(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    found, place = pattern_of(maker, call.arguments[0], row), maker.fix(call.arguments[1], row)
    value = decided(maker, "string", want)
    if found is None or value is OPEN:
        return False
    source, pattern, its_row = found
    if group_of(pattern, sample(pattern, {place + 1: value}), place + 1) != value:
        return False
    return maker.give(source, Want(patterns=((pattern, ((place + 1, value),)),)), its_row)


# choices


@registered(GIVERS, "iff", "iif", "case")
def branch(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    return each_branch(maker, call, row, lambda value: maker.give(value, want, row))


def each_branch(maker: Maker, call: bound.BoundCall, row: Row, then: Callable[[Bound], bool]) -> bool:
    """The first branch (in the attempt's order) whose condition and value can be had; earlier conditions fail."""
    size = len(call.arguments) // 2
    return any(
        maker.attempt(lambda at=at: _branch(maker, call, at, row, then))
        for at in maker.turned(list(range(size + 1)))
    )


def _branch(maker: Maker, call: bound.BoundCall, at: int, row: Row, then: Callable[[Bound], bool]) -> bool:
    size = len(call.arguments) // 2
    value = call.arguments[2 * at + 1] if at < size else call.arguments[-1]
    if isinstance(value, Constant) and not then(value):
        return False
    before = all(maker.require(call.arguments[2 * one], False, row) for one in range(min(at, size)))
    return before and (at == size or maker.require(call.arguments[2 * at], True, row)) and then(value)


@registered(GIVERS, "coalesce")
def coalesce(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    return any(maker.attempt(lambda one=one: maker.give(one, want, row)) for one in call.arguments)


# arithmetic and time


@registered(GIVERS, "bin", "startofday", "bin_at")
def binned(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    step = DAY if call.function.name == "startofday" else maker.fix(call.arguments[1], row)
    if not isinstance(step, int | float) or step <= 0:
        return False
    low = (
        want.low
        if want.low is not None
        else min((one for one in want.choices if isinstance(one, int | float)), default=None)
    )
    high = (
        want.choices[0] + step - 1 if want.choices and isinstance(want.choices[0], int | float) else want.high
    )
    test = Want((lambda found: found is not None and want.passes(found // step * step),), low=low, high=high)
    return maker.give(call.arguments[0], test, row)


@registered(GIVERS, "+", "-", "*", "/")
def arithmetic(maker: Maker, call: bound.BoundCall, want: Want, row: Row) -> bool:
    """One side is decided, the other is what is left."""
    value = decided(maker, str(call.type), want)
    left, right = call.arguments
    return value is not OPEN and (
        maker.attempt(lambda: _solved(maker, call, left, maker.fix(right, row), value, want, row, True))
        or maker.attempt(lambda: _solved(maker, call, right, maker.fix(left, row), value, want, row, False))
    )


def _solved(
    maker: Maker,
    call: bound.BoundCall,
    side: Bound,
    known: Any,
    value: Any,
    want: Want,
    row: Row,
    left: bool,
) -> bool:
    if not isinstance(known, int | float) or isinstance(known, bool) or isinstance(side, Constant):
        return False
    name = call.function.name
    sums = {
        "+": lambda: value - known,
        "-": lambda: value + known if left else known - value,
        "*": lambda: value / known,
        "/": lambda: value * known if left else known / value,
    }
    try:
        found = sums[name]()
    except ZeroDivisionError:
        return False
    given = float(found) if side.type == "real" else round(found)

    def result(one: Any) -> Any:
        pair = (one, known) if left else (known, one)
        return {
            "+": lambda: pair[0] + pair[1],
            "-": lambda: pair[0] - pair[1],
            "*": lambda: pair[0] * pair[1],
            "/": lambda: pair[0] / pair[1],
        }[name]()

    return maker.give(side, Want((lambda one: want.passes(result(one)),), (given,)), row)
