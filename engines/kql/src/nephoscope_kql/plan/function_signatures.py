"""Function signatures: functions and aggregates of the language, declared by signature.

A signature is `name(parameter: type, [optional: type], rest: type, ...): returned`. A type is a KqlType name, several joined by `|`
(the argument keeps its own type), `any` (every type, kept), `number` (int, long, real or decimal, kept), `text` (a string; any other
value as tostring() writes it), `T` (all such arguments get one common type) or `const` before one of these (the argument must be a
constant). Returned is a type name, `T`, or `first` (the type of the first argument). `...` lets the parameter before it repeat, `...2`
the two before it, also in the middle.
A dynamic argument is converted to the parameter's type; int widens to long, both widen to real.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sqlglot import exp

from nephoscope_kql.errors import KqlError, Span, make_invalid_error, make_unsupported_query_error
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.types import NUMBERS, KqlType

if TYPE_CHECKING:
    from nephoscope_kql.sql.routines import Routine
    from nephoscope_kql.tree import Scalar

ANY = frozenset(KqlType)
COMMON = "T"
TEXT = "text"


@dataclass(frozen=True, slots=True)
class CalleeParameter:
    """A parameter: the types it accepts without conversion (`accepted` empty for T), whether it is optional or must be constant.

    `written`: it takes a value of any other type as its text.
    """

    name: str
    accepted: frozenset[KqlType]
    optional: bool = False
    constant: bool = False
    common: bool = False
    written: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a function; `variadic`: the last `block` parameters before the last `tail` may repeat.

    `text` is what the reference page prints.
    """

    name: str
    parameters: tuple[CalleeParameter, ...]
    returns: str
    variadic: bool
    text: str
    block: int = 1
    tail: int = 0

    @property
    def minimum_arguments(self) -> int:
        """The least number of arguments."""
        return sum(not parameter.optional for parameter in self.parameters)

    def get_parameter(self, position: int, count: int = 0) -> CalleeParameter:
        """The parameter of one of `count` arguments."""
        last = len(self.parameters)
        if self.tail and position >= count - self.tail:
            return self.parameters[last - (count - position)]
        first = last - self.tail - self.block
        return self.parameters[position if position < first else first + (position - first) % self.block]

    def accepts_count(self, count: int) -> bool:
        """Return whether it takes that many arguments."""
        whole = (count - len(self.parameters)) % self.block == 0
        return count >= self.minimum_arguments and (whole if self.variadic else count <= len(self.parameters))


def parse_signature(text: str) -> Signature:
    """Read a signature; see the module's docstring."""
    name, _, rest = text.partition("(")
    inside, _, returns = rest.rpartition(")")
    parts = [part.strip() for part in inside.split(",") if part.strip()]
    dots = next((place for place, part in enumerate(parts) if part.startswith("...")), None)
    parameters = tuple(_build_parameter(part) for part in parts if not part.startswith("..."))
    block = int(parts[dots][3:] or 1) if dots is not None else max(1, len(parameters))
    tail = len(parameters) - dots if dots is not None else 0
    shown = re.sub(r"\.\.\.\d", "...", text)
    return Signature(
        name.strip(), parameters, returns.lstrip(": ").strip(), dots is not None, shown, block, tail
    )


def _build_parameter(text: str) -> CalleeParameter:
    optional = text.startswith("[")
    name, _, kind = text.strip("[]").partition(":")
    kind = kind.strip()
    constant = kind.startswith("const ")
    kind = kind.removeprefix("const ").strip()
    if kind == COMMON:
        return CalleeParameter(name, frozenset(), optional, constant, common=True)
    return CalleeParameter(
        name.strip(), _parse_accepted_types(kind), optional, constant, written=kind == TEXT
    )


def _parse_accepted_types(kind: str) -> frozenset[KqlType]:
    if kind == "any":
        return ANY
    if kind == TEXT:
        return frozenset((KqlType.STRING,))
    if kind == "number":
        return frozenset(NUMBERS)
    return frozenset(KqlType(word.strip()) for word in kind.split("|"))


class Arguments(Sequence[exp.Expr]):
    """Arguments of a builder: the arguments as SQL (`call[0]`), as bound nodes, their types, and the result's type.

    `use` makes a routine (SQL macro or Arrow function) part of the compiled query and gives its name.
    """

    def __init__(
        self,
        sql: Sequence[exp.Expr],
        bound: Sequence[Bound],
        returns: KqlType,
        span: Span,
        use: Callable[[Routine], str],
        order: Sequence[exp.Expr] = (),
    ) -> None:
        self.sql = list(sql)
        self.bound = tuple(bound)
        self.types = tuple(item.type for item in self.bound)
        self.type = returns
        self.span = span
        self.use = use
        self.order = list(order)

    def __getitem__(self, position: int) -> exp.Expr:  # type: ignore[override]
        return self.sql[position]

    def __len__(self) -> int:
        return len(self.sql)

    def __iter__(self) -> Iterator[exp.Expr]:
        return iter(self.sql)

    def is_constant(self, position: int) -> bool:
        """Return whether the argument is a literal."""
        return position < len(self.bound) and isinstance(self.bound[position], Constant)

    def get_value(self, position: int) -> Scalar:
        """The value of a constant argument; KqlError (unsupported) where it is none."""
        item = self.bound[position]
        if isinstance(item, Constant):
            return item.value
        raise make_unsupported_query_error(
            f"argument {position + 1} must be a constant here", item.span or self.span
        )

    def get_text(self, position: int) -> str:
        """The value of a constant string argument."""
        value = self.get_value(position)
        if not isinstance(value, str):
            raise self.make_error(position, "a string is expected")
        return value

    def make_error(self, position: int, message: str) -> KqlError:
        """An error (invalid) at an argument."""
        return make_invalid_error(message, self.bound[position].span)

    def make_unsupported_error(self, message: str, position: int | None = None) -> KqlError:
        """An error (unsupported) at the call or at an argument."""
        return make_unsupported_query_error(
            message, self.span if position is None else self.bound[position].span
        )


Builder: TypeAlias = Callable[[Arguments], exp.Expr]
Returns: TypeAlias = Callable[[tuple[Bound, ...]], KqlType]


@dataclass(eq=False)
class Callee:
    """A function or an aggregate: its signatures, and a builder per dialect.

    `nullable`: whether it may give null for arguments that are not null. Text results are coalesced to '' where they may be NULL.
    `returns` decides the type from the bound arguments where the signature cannot say it.
    """

    name: str
    signatures: tuple[Signature, ...]
    summary: str
    family: str
    builders: dict[str, Builder]
    nullable: bool = True
    returns: Returns | None = None
    hidden: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    def for_dialect(self, dialect: str) -> Callable[[Builder], Builder]:
        """Declare the builder of another dialect."""

        def declare(builder: Builder) -> Builder:
            self.builders[dialect] = builder
            return builder

        return declare

    def find_builder(self, dialect: str, span: Span) -> Builder:
        """The builder of a dialect; KqlError (unsupported) where it has none."""
        found = self.builders.get(dialect)
        if found is None:
            raise make_unsupported_query_error(f"{self.name}() is not available on {dialect}", span)
        return found


@dataclass(eq=False)
class ScalarFunction(Callee):
    """A scalar function; `aliases` are further names. `accepts_null`: it is called for null strings' '' and gives no null."""

    aliases: tuple[str, ...] = ()


@dataclass(eq=False)
class Aggregate(Callee):
    """An aggregate. `label` is the default column name: `sum_{0}` takes the first argument's name, `count_` is used as it is."""

    aliases: tuple[str, ...] = ()
    label: str = ""


def declare_function(
    *signatures: str,
    aliases: tuple[str, ...] = (),
    nullable: bool = True,
    returns: Returns | None = None,
    hidden: bool = False,
) -> Callable[[Builder], ScalarFunction]:
    """Declare a scalar function; the decorated body builds its DuckDB SQL, its docstring's first line is the summary."""
    parsed = tuple(parse_signature(text) for text in signatures)

    def declare(builder: Builder) -> ScalarFunction:
        return ScalarFunction(
            parsed[0].name,
            parsed,
            (builder.__doc__ or "").strip().partition("\n")[0],
            builder.__module__.rpartition(".")[2],
            {"duckdb": builder},
            nullable,
            returns,
            hidden,
            aliases=aliases,
        )

    return declare


def aggregate(
    *signatures: str,
    label: str,
    aliases: tuple[str, ...] = (),
    nullable: bool = True,
    returns: Returns | None = None,
) -> Callable[[Builder], Aggregate]:
    """Declare an aggregate; `call.order` holds the order of the rows, for those that keep it (lists, first values)."""
    parsed = tuple(parse_signature(text) for text in signatures)

    def declare(builder: Builder) -> Aggregate:
        return Aggregate(
            parsed[0].name,
            parsed,
            (builder.__doc__ or "").strip().partition("\n")[0],
            builder.__module__.rpartition(".")[2],
            {"duckdb": builder},
            nullable,
            returns,
            aliases=aliases,
            label=label,
        )

    return declare
