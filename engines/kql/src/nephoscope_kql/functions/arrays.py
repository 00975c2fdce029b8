"""Arrays: length, parts, search, and making them. An array is canonical JSON text; its elements are JSON texts in a list."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.functions.conversions import DYNAMIC_BOOL
from nephoscope_kql.functions.declaration import apply_routine, declare_macro, declare_scalar_macro
from nephoscope_kql.functions.size_guard import MOST, ROOM, guard_value_size
from nephoscope_kql.functions.tostring import get_json_argument, to_json
from nephoscope_kql.plan.expressions import BoundCall
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Routine
from nephoscope_kql.types import TICKS_PER_DAY, KqlType

IS_ARRAY = declare_macro("kql_is_array(x)", "coalesce(x[1] = '[', FALSE)")
ITEMS = declare_macro(
    "kql_items(x)", "CASE WHEN x[1] = '[' THEN CAST(json_extract(x, '$[*]') AS VARCHAR[]) END"
)
"""The elements of an array as JSON texts ('null' for null); NULL where it is no array."""
LIST = declare_macro("kql_list(x)", "coalesce(kql_items(x), CAST([] AS VARCHAR[]))", ITEMS)
JOINED = declare_macro("kql_joined(x)", "'[' || array_to_string(x, ',') || ']'")
"""The array of elements that are JSON texts; NULL for NULL."""
NUMBERS = declare_macro(
    "kql_numbers(x)", "CASE WHEN x[1] = '[' THEN CAST(json_transform(x, '[\"DOUBLE\"]') AS DOUBLE[]) END"
)
"""The elements of an array as reals, NULL where one is no number; NULL where it is no array."""
FAR = "1073741824"
ELEMENT = 32
"""Bytes that an element of a list takes, beside its text."""
LONGEST = 2**20
"""Elements that an array has at most where a count makes it. Source: https://learn.microsoft.com/kusto/query/range-function"""
# constants are computed ahead, those too that no branch of a CASE would come to: so the branch itself makes no more than it may
_TIMES = f"least(n, {LONGEST}, {MOST} // (strlen(v) + {ELEMENT}))"
_CUT = "greatest(least({0}, " + FAR + "), -" + FAR + ")"


def _make_array(
    name: str,
    parameters: str,
    summary: str,
    body: str,
    *uses: Routine,
    returns: str = "dynamic",
    **more: tuple[str, ...],
) -> ScalarFunction:
    head = ", ".join(part.strip("[] ").partition(":")[0] for part in parameters.split(","))
    return declare_scalar_macro(
        __name__,
        f"{name}({parameters}): {returns}",
        summary=summary,
        routine=declare_macro(f"kql_{name}({head})", body, *uses),
        aliases=more.get("aliases", ()),
    )


array_length = _make_array(
    "array_length",
    "x: dynamic",
    "Count the elements of an array; null for anything else.",
    "CASE WHEN x[1] = '[' THEN CAST(json_array_length(x) AS BIGINT) END",
    returns="long",
    aliases=("arraylength",),
)
_FROM = "CASE WHEN q.a < 0 THEN greatest(0, len(q.v) + q.a) ELSE q.a END"
_UPTO = "CASE WHEN q.b < 0 THEN len(q.v) + q.b ELSE q.b END"
array_slice = _make_array(
    "array_slice",
    "x: dynamic, a: long, b: long",
    "Give the elements from one place to another, both included; negative places count from the end.",
    f"list_transform([{{'v': kql_items(x), 'a': {_CUT.format('a')}, 'b': {_CUT.format('b')}}}], "
    f"lambda q: CASE WHEN ({_UPTO}) < 0 THEN '[]' ELSE kql_joined(q.v[({_FROM}) + 1:({_UPTO}) + 1]) END)[1]",
    ITEMS,
    JOINED,
)
array_reverse = _make_array(
    "array_reverse",
    "x: dynamic",
    "Give the elements backwards.",
    "kql_joined(list_reverse(kql_items(x)))",
    ITEMS,
    JOINED,
)
_TURN = declare_macro(
    "kql_turned(x, n)",
    # an array that turns an array would be written out a hundred times, were it not computed once
    "list_transform([{'v': kql_items(x), 'n': n}], lambda q: CASE WHEN len(q.v) > 0 THEN "
    "kql_joined(q.v[(q.n % len(q.v) + len(q.v)) % len(q.v) + 1:] "
    "|| q.v[1:(q.n % len(q.v) + len(q.v)) % len(q.v)]) ELSE kql_joined(q.v) END)[1]",
    ITEMS,
    JOINED,
)
array_rotate_left = _make_array(
    "array_rotate_left",
    "x: dynamic, n: long",
    "Move the elements to the left, around the end.",
    "kql_turned(x, n)",
    _TURN,
)
array_rotate_right = _make_array(
    "array_rotate_right",
    "x: dynamic, n: long",
    "Move the elements to the right, around the end.",
    f"kql_turned(x, -{_CUT.format('n')})",
    _TURN,
)
_SHIFT = declare_macro(
    "kql_shifted(x, n, d)",
    "list_transform([{'v': kql_items(x), 'n': n, 'd': coalesce(d, 'null')}], "
    "lambda q: kql_joined(list_transform(range(len(q.v)), "
    "lambda i: CASE WHEN i + q.n >= 0 AND i + q.n < len(q.v) THEN q.v[i + q.n + 1] ELSE q.d END)))[1]",
    ITEMS,
    JOINED,
)


def _build_shift(call: Arguments, sign: int) -> exp.Expr:
    filler = get_json_argument(call, 2) if len(call) > 2 else nodes.build_text("null")
    bounded = nodes.build_call(
        "greatest",
        nodes.build_call("least", call[1], nodes.build_number(2**30)),
        nodes.build_number(-(2**30)),
    )
    steps = bounded if sign > 0 else nodes.build_binary("*", bounded, nodes.build_number(-1))
    return apply_routine(call, _SHIFT, call[0], steps, filler)


@declare_function("array_shift_left(array: dynamic, steps: long, [filler: any]): dynamic")
def array_shift_left(call: Arguments) -> exp.Expr:
    """Move the elements to the left, fill at the right."""
    return _build_shift(call, 1)


@declare_function("array_shift_right(array: dynamic, steps: long, [filler: any]): dynamic")
def array_shift_right(call: Arguments) -> exp.Expr:
    """Move the elements to the right, fill at the left."""
    return _build_shift(call, -1)


array_sum = _make_array(
    "array_sum",
    "x: dynamic",
    "Add up the numbers of an array.",
    "CASE WHEN len(list_filter(kql_numbers(x), lambda e: e IS NULL)) = 0 THEN list_sum(kql_numbers(x)) END",
    NUMBERS,
    returns="real",
    aliases=("series_sum",),
)


@declare_function("array_concat(array: dynamic, ...): dynamic")
def array_concat(call: Arguments) -> exp.Expr:
    """Join arrays; what is no array is left out."""
    lists = [apply_routine(call, LIST, item) for item in call]
    return apply_routine(call, JOINED, nodes.build_chain("||", lists) if len(lists) > 1 else lists[0])


_SPLIT = declare_macro(
    "kql_array_split(x, p)",
    "CASE WHEN x[1] = '[' THEN kql_joined(list_transform(range(len(p) + 1), lambda i: "
    "kql_joined(kql_items(x)[CASE WHEN i = 0 THEN 1 ELSE p[i] + 1 END:CASE WHEN i = len(p) THEN "
    "len(kql_items(x)) ELSE p[i + 1] END]))) END",
    ITEMS,
    JOINED,
)
_PLACES = declare_macro(
    "kql_places(x, p)",
    "list_transform(p, lambda i: CASE WHEN i < 0 THEN greatest(0, len(kql_items(x)) + i) ELSE least(i, "
    "len(kql_items(x))) END)",
    ITEMS,
)


@declare_function("array_split(array: dynamic, place: long|dynamic): dynamic")
def array_split(call: Arguments) -> exp.Expr:
    """Cut an array before one or several places into an array of arrays."""
    places = nodes.build_array([call[1]])
    if call.types[1] == KqlType.DYNAMIC:
        # a null of no type would leave the list without one
        places = nodes.build_cast(
            nodes.build_call("json_transform", call[1], nodes.build_text('["BIGINT"]')), "BIGINT[]"
        )
    return apply_routine(call, _SPLIT, call[0], apply_routine(call, _PLACES, call[0], places))


PLACE_FROM = declare_macro(
    "kql_place_from(a, l)", "CAST(CASE WHEN a < 0 THEN CAST(l AS HUGEINT) + a ELSE a END AS HUGEINT)"
)
"""A place in an array of length l that may be counted from its end; HUGEINT, so that sums do not overflow."""
_FOUND = declare_macro(
    "kql_array_index(x, v, a, n, k)",
    "CASE WHEN x[1] = '[' THEN coalesce(list_extract(list_filter(range(len(kql_items(x))), lambda i: "
    "kql_items(x)[i + 1] = v AND i >= kql_place_from(a, len(kql_items(x))) "
    "AND (n < 0 OR i < kql_place_from(a, len(kql_items(x))) + n)), k), -1) END",
    ITEMS,
    PLACE_FROM,
)


@declare_function(
    "array_index_of(array: dynamic, value: any, [start: long], [length: long], [occurrence: long]): long"
)
def array_index_of(call: Arguments) -> exp.Expr:
    """Give the 0-based place of a value in an array, -1 where it is not there."""
    rest = [
        call[place] if place < len(call) else nodes.build_number(default)
        for place, default in ((2, 0), (3, -1), (4, 1))
    ]
    return apply_routine(call, _FOUND, call[0], get_json_argument(call, 1), *rest)


_CONDITION = declare_macro(
    "kql_array_iff(c, a, b)",
    "CASE WHEN c[1] = '[' THEN "
    + guard_value_size(
        "kql_joined(list_transform(kql_items(c), lambda e, i: coalesce("
        "CASE kql_dynamic_bool(CASE WHEN e[1] = '\"' THEN NULL ELSE e END) "
        "WHEN TRUE THEN CASE WHEN a[1] = '[' THEN kql_items(a)[i] ELSE a END "
        "WHEN FALSE THEN CASE WHEN b[1] = '[' THEN kql_items(b)[i] ELSE b END END, 'null')))",
        # a value that is no array stands for each condition
        f"json_array_length(c) * ({ELEMENT} + CASE WHEN a[1] = '[' THEN 0 ELSE coalesce(strlen(a), 0) END"
        " + CASE WHEN b[1] = '[' THEN 0 ELSE coalesce(strlen(b), 0) END)",
    )
    + " END",
    ITEMS,
    JOINED,
    DYNAMIC_BOOL,
    ROOM,
)


@declare_function("array_iff(condition: dynamic, then: any, otherwise: any): dynamic", aliases=("array_iif",))
def array_iff(call: Arguments) -> exp.Expr:
    """Give for every condition an element of one of two arrays (or one of two values)."""
    return apply_routine(
        call, _CONDITION, call[0], *(to_json(call, call[place], call.types[place]) for place in (1, 2))
    )


_ZIP = declare_macro(
    "kql_zip(x)",
    "kql_joined(list_transform(range(coalesce(list_max(list_transform(x, lambda a: len(kql_items(a)))), 0)), "
    "lambda i: kql_joined(list_transform(x, lambda a: coalesce(kql_items(a)[i + 1], 'null')))))",
    ITEMS,
    JOINED,
)


@declare_function("zip(array: dynamic, ...): dynamic")
def zip_(call: Arguments) -> exp.Expr:
    """Pair the elements of arrays by place; what a shorter one lacks is null."""
    return apply_routine(call, _ZIP, nodes.build_array(call))


@declare_function("pack_array(value: any, ...): dynamic", nullable=False)
def pack_array(call: Arguments) -> exp.Expr:
    """Make an array of values."""
    parts: list[exp.Expr] = []
    for place in range(len(call)):
        parts += [nodes.build_text("," if place else "["), get_json_argument(call, place)]
    return nodes.concatenate_texts([*parts, nodes.build_text("]")])


_RANGE = declare_macro(
    "kql_range(a, b, s)",
    f"CASE WHEN s <> 0 AND abs((CAST(b AS HUGEINT) - a) / s) < {LONGEST} THEN "
    + guard_value_size(
        f"list_transform(range(greatest(0, CAST(least((CAST(b AS HUGEINT) - a) // s + 1, {LONGEST}) AS BIGINT))), "
        "lambda i: CAST(CAST(a AS HUGEINT) + i * CAST(s AS HUGEINT) AS BIGINT))",
        f"((CAST(b AS HUGEINT) - a) // s) * {ELEMENT}",
    )
    + " END",
    ROOM,
)
_RANGE_REAL = declare_macro(
    "kql_range_real(a, b, s)",
    f"CASE WHEN s <> 0 AND abs((b - a) / s) < {LONGEST} THEN "
    + guard_value_size(
        f"list_transform(range(CAST(least(floor((b - a) / s) + 1, {LONGEST}) AS BIGINT)), lambda i: a + i * s)",
        f"((b - a) / s) * {ELEMENT}",
    )
    + " END",
    ROOM,
)


def _infer_range_type(arguments: tuple[Bound, ...]) -> KqlType:
    del arguments
    return KqlType.DYNAMIC


@declare_function(
    "range(start: T, stop: T, step: T): dynamic",
    "range(start: T, stop: T): dynamic",
    "range(start: datetime, stop: datetime, step: timespan): dynamic",
    returns=_infer_range_type,
)
def range_(call: Arguments) -> exp.Expr:
    """Give the values from a start to a stop by a step (1, or 1h for times)."""
    kind = call.types[0]
    times = kind in (KqlType.DATETIME, KqlType.TIMESPAN)
    if not times and not kind.is_numeric:
        raise call.make_error(0, f"a number, a datetime or a timespan is expected, not {kind}")
    step = call[2] if len(call) > 2 else nodes.build_number(TICKS_PER_DAY // 24 if times else 1)
    series = apply_routine(call, _RANGE_REAL if kind == KqlType.REAL else _RANGE, call[0], call[1], step)
    element = KqlType.LONG if kind.is_integer else kind
    texts = nodes.build_call(
        "list_transform", series, nodes.build_lambda(lambda value: to_json(call, value, element), "e")
    )
    return apply_routine(call, JOINED, texts)


_REPEAT = declare_macro(
    "kql_repeat(v, n)",
    f"CASE WHEN n = 0 THEN '[]' WHEN n > 0 AND n <= {LONGEST} THEN "
    + guard_value_size(
        f"concat('[', v, repeat(',' || v, CAST({_TIMES} AS INTEGER) - 1), ']')",
        f"least(n, {LONGEST}) * (strlen(v) + {ELEMENT})",
    )
    + " END",
    ROOM,
)


def _compute_constant_count(count: Bound) -> float:
    """The number that a constant is, also one of another type that is made a long; 0 for anything else."""
    if isinstance(count, BoundCall) and count.function.name == "tolong":
        count = count.arguments[0]
    value = count.value if isinstance(count, Constant) else None
    return value if isinstance(value, int | float) else 0


@declare_function("repeat(value: any, count: long): dynamic")
def repeat(call: Arguments) -> exp.Expr:
    """Give an array that holds a value so many times: 1,048,576 at most, else null, or an error where the count is a constant."""
    if _compute_constant_count(call.bound[1]) > LONGEST:
        raise call.make_error(1, f"repeat() makes arrays of at most {LONGEST:,} elements")
    return apply_routine(call, _REPEAT, get_json_argument(call, 0), call[1])
