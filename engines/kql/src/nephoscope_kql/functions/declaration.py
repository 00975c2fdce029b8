"""Declaration of a family's functions: as a SQL macro with a body, or as a vectorised function over distinct values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from nephoscope_kql.deadline import check_deadline
from nephoscope_kql.errors import make_invalid_error
from nephoscope_kql.extras import get_extra_install_command
from nephoscope_kql.plan.function_signatures import (
    Aggregate,
    Arguments,
    Returns,
    ScalarFunction,
    parse_signature,
)
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.batch_size_limit import check_batch_size
from nephoscope_kql.sql.routines import ArrowFunction, Macro, Routine
from nephoscope_kql.types import TYPE_NAMES, KqlType

BINDING_LIMIT = 1_000
"""How many copies of nodes a macro's expansion may make before its argument is computed once, in a lambda."""
_TOKEN = re.compile(r"'(?:[^']|'')*'|[A-Za-z_][A-Za-z_0-9]*\(?|[(),]")
_ARROW_TYPES = {
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "VARCHAR": pa.string(),
    "DECIMAL(38,17)": pa.decimal128(38, 17),
    "DOUBLE[]": pa.list_(pa.float64()),
    "VARCHAR[]": pa.list_(pa.string()),
}
_uses: dict[str, tuple[int, ...]] = {}
_sizes: dict[str, int] = {}
ALL: list[Routine] = []
"""Every routine that is declared; tests install them all."""


def declare_macro(head: str, body: str, *uses: Routine) -> Macro:
    """A SQL macro `head` = `name(parameter, ...)`; `uses` are the routines that its body calls."""
    name, _, rest = head.partition("(")
    parameters = [item.strip() for item in rest.rstrip(")").split(",") if item.strip()]
    _uses[name], _sizes[name] = _expand_macro(body, parameters)
    made = Macro(
        name, f"CREATE OR REPLACE TEMP MACRO {name}({', '.join(parameters)}) AS ({body})", tuple(uses)
    )
    ALL.append(made)
    return made


def _expand_macro(body: str, parameters: Sequence[str]) -> tuple[tuple[int, ...], int]:
    """Return how often each parameter stands in the text of a macro once the macros that it calls are expanded, and
    how long that is."""
    found, size = dict.fromkeys(parameters, 0), 0
    # of each call around: how often it repeats each of its arguments, which of them this is, how often it stands itself
    calls: list[tuple[tuple[int, ...], int, int]] = [((), 0, 1)]
    for token in _TOKEN.findall(body):
        uses, place, times = calls[-1]
        repeated = times * (max(1, uses[place]) if place < len(uses) else 1)
        if token.endswith("("):
            calls.append((_uses.get(token[:-1], ()), 0, repeated))
            size += repeated * _sizes.get(token[:-1], 1)
        elif token == ",":
            calls[-1] = uses, place + 1, times
        elif token == ")":
            calls.pop()
        else:
            found[token] = found.get(token, 0) + repeated
            size += repeated
    return tuple(found[one] for one in parameters), size


def declare_rowwise(
    name: str, parameters: tuple[str, ...], returns: str, value: Callable[..., object], strict: bool = True
) -> ArrowFunction:
    """A vectorised function from one of values: it is computed once for every distinct combination of arguments in a batch.

    `value` gets Python values and returns one or None; with `strict` it is not called where an argument is NULL.
    """
    kind = _ARROW_TYPES[returns]

    def run_rowwise(*columns: pa.Array) -> pa.Array:
        arrays = [item.combine_chunks() if isinstance(item, pa.ChunkedArray) else item for item in columns]
        if len(arrays) == 1:
            coded = pc.dictionary_encode(arrays[0], null_encoding="encode")
            values = list(
                _list_compute_rows(value, [(item,) for item in coded.dictionary.to_pylist()], strict)
            )
            check_batch_size(_count_lengths([values[place] for place in coded.indices.to_pylist()]))
            return pa.array(values, kind).take(coded.indices)
        rows = list(zip(*(_to_hashable(item) for item in arrays), strict=True))
        distinct = list(dict.fromkeys(rows))
        known = dict(zip(distinct, _list_compute_rows(value, distinct, strict), strict=True))
        made = [known[row] for row in rows]
        check_batch_size(_count_lengths(made))
        return pa.array(made, kind)

    return declare_arrow_function(name, parameters, returns, _with_arity(len(parameters), run_rowwise))


def _list_compute_rows(
    value: Callable[..., object], rows: list[tuple[object, ...]], strict: bool
) -> Iterator[object]:
    """The value for each of some rows; MemoryError as soon as they are too much together."""
    total = 0
    for row in rows:
        found = _call_row(value, row, strict)
        if isinstance(found, str | list):
            total += len(found)
            check_batch_size(total)
        yield found


def _count_lengths(values: list[object]) -> int:
    return sum(len(value) for value in values if isinstance(value, str | list))


def _to_hashable(array: pa.Array) -> list[object]:
    values = array.to_pylist()
    return (
        [item if item is None else tuple(item) for item in values] if pa.types.is_list(array.type) else values
    )


def _with_arity(count: int, body: Callable[..., object]) -> Callable[..., object]:
    """The body with exactly `count` parameters, which DuckDB counts."""
    wrapped: dict[int, Callable[..., object]] = {
        1: lambda a: body(a),
        2: lambda a, b: body(a, b),
        3: lambda a, b, c: body(a, b, c),
        4: lambda a, b, c, d: body(a, b, c, d),
        5: lambda a, b, c, d, e: body(a, b, c, d, e),
        6: lambda a, b, c, d, e, f: body(a, b, c, d, e, f),
    }
    return wrapped[count]


def declare_arrow_function(
    name: str,
    parameters: tuple[str, ...],
    returns: str,
    body: Callable[..., object],
    rare: bool = False,
) -> ArrowFunction:
    """A vectorised function over Arrow arrays; see ArrowFunction."""
    made = ArrowFunction(name, parameters, returns, body, rare)
    ALL.append(made)
    return made


@dataclass(frozen=True, slots=True)
class ExtraRequirement:
    """The modules of an optional extra; to call it is a check: KqlError (unsupported) that names the extra where one is missing."""

    extra: str
    modules: tuple[str, ...]

    def __call__(self, call: Arguments) -> None:
        """Check that a call can be had here."""
        missing = [name for name in self.modules if find_spec(name) is None]
        if missing:
            raise call.make_unsupported_error(
                f"this function needs {' and '.join(missing)}: {get_extra_install_command(self.extra)}"
            )

    @property
    def extras(self) -> dict[str, str]:
        """Return what the reference page says of a function that needs it."""
        return {"needs": f"the extra `{self.extra}`"}


def require_extra(extra: str, *modules: str) -> ExtraRequirement:
    """The modules of an extra that a function needs."""
    return ExtraRequirement(extra, modules)


def _call_row(value: Callable[..., object], row: tuple[object, ...], strict: bool) -> object:
    check_deadline()
    return None if strict and None in row else value(*row)


def apply_routine(call: Arguments, routine: Routine, *arguments: exp.Expr) -> exp.Expr:
    """The call of a routine; an argument that its body repeats too often is computed once, by a lambda."""
    name = call.use(routine)
    if not isinstance(routine, Macro):
        return nodes.build_call(name, *arguments)
    uses = _uses.get(name, ())
    values = list(arguments)
    heavy = [
        place
        for place, argument in enumerate(values)
        if place < len(uses) and uses[place] > 1 and count_weight(argument) * uses[place] > BINDING_LIMIT
    ]
    names = {place: f"_v{place}" for place in heavy}
    for place in heavy:
        values[place] = nodes.build_name(names[place])
    node: exp.Expr = nodes.build_call(name, *values)
    for place in heavy:
        bound = nodes.build_call(
            "list_transform",
            nodes.build_array([arguments[place]]),
            nodes.build_lambda(lambda *_, node=node: node, names[place]),
        )
        node = nodes.build_call("list_extract", bound, nodes.build_number(1))
    return node


def count_weight(node: exp.Expr) -> int:
    """Count how many nodes an expression has once its macros are expanded."""
    total = 1
    uses: tuple[int, ...] = ()
    if isinstance(node, exp.Anonymous):
        uses = _uses.get(str(node.this), ())
        total += _sizes.get(str(node.this), 0)
    for place, child in enumerate(node.iter_expressions()):
        total += count_weight(child) * (max(1, uses[place]) if place < len(uses) else 1)
        if total > BINDING_LIMIT * 100:
            break
    return total


def make_declarer(module: str, needs: ExtraRequirement) -> Callable[..., ScalarFunction]:
    """Return how the functions of a family that needs an extra are declared: (name, signature, summary, routine,
    *defaults) -> Function."""

    def declare(name: str, parameters: str, summary: str, routine: Routine, *defaults: str) -> ScalarFunction:
        return declare_scalar_macro(
            module, f"{name}({parameters}", summary=summary, routine=routine, defaults=defaults, needs=needs
        )

    return declare


def declare_scalar_macro(
    module: str,
    *signatures: str,
    summary: str,
    body: str = "",
    routine: Routine | None = None,
    uses: tuple[Routine, ...] = (),
    aliases: tuple[str, ...] = (),
    nullable: bool = True,
    returns: Returns | None = None,
    hidden: bool = False,
    defaults: tuple[str, ...] = (),
    needs: ExtraRequirement | None = None,
) -> ScalarFunction:
    """A scalar function that is one macro with `body` (parameters by the longest signature) or one `routine`.

    Optional arguments that are left out are NULL, or the SQL number in `defaults` (by position from the first optional one).
    `needs` is asked before, and raises where the function cannot be had here.
    """
    parsed = tuple(parse_signature(text) for text in signatures)
    longest = max(parsed, key=lambda item: len(item.parameters))
    names = [parameter.name for parameter in longest.parameters]
    used = routine or declare_macro(f"kql_{parsed[0].name}({', '.join(names)})", body, *uses)

    def build_node(call: Arguments) -> exp.Expr:
        if needs is not None:
            needs(call)
        values = list(call)
        while len(values) < len(names):
            place = len(values) - longest.minimum_arguments
            given = defaults[place] if 0 <= place < len(defaults) else ""
            values.append(exp.Literal(this=given, is_string=False) if given else exp.Null())
        return apply_routine(call, used, *values)

    family = module.rpartition(".")[2]
    return ScalarFunction(
        parsed[0].name,
        parsed,
        summary,
        family,
        {"duckdb": build_node},
        nullable,
        returns,
        hidden,
        dict(needs.extras) if needs is not None else {},
        aliases=aliases,
    )


def declare_aggregate(
    module: str,
    *signatures: str,
    summary: str,
    label: str,
    builder: Callable[[Arguments], exp.Expr],
    aliases: tuple[str, ...] = (),
    nullable: bool = True,
    returns: Returns | None = None,
) -> Aggregate:
    """An aggregate from a builder."""
    parsed = tuple(parse_signature(text) for text in signatures)
    family = module.rpartition(".")[2]
    return Aggregate(
        parsed[0].name,
        parsed,
        summary,
        family,
        {"duckdb": builder},
        nullable,
        returns,
        aliases=aliases,
        label=label,
    )


def find_named_type(value: Bound) -> KqlType:
    """The type that a constant string names; KqlError (invalid) where it names none."""
    kind = TYPE_NAMES.get(str(value.value).lower()) if isinstance(value, Constant) else None
    if kind is None:
        raise make_invalid_error("the name of a type is expected: typeof(long)", value.span)
    return kind
