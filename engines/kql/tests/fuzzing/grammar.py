"""Queries from a grammar: operators in a row, typed expressions with every function and aggregate that is declared, odd literals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from nephoscope_kql.plan.function_signatures import Callee
from nephoscope_kql.registry import load_aggregates, load_functions
from nephoscope_kql.types import KqlType

COLUMNS: Mapping[str, str] = {
    "a": "string",
    "A": "string",
    "['c d']": "string",
    "n": "long",
    "i": "int",
    "r": "real",
    "m": "decimal",
    "t": "datetime",
    "s": "timespan",
    "g": "guid",
    "f": "bool",
    "d": "dynamic",
}
LITERALS: Mapping[str, tuple[str, ...]] = {
    "string": ("''", "'a'", '"ä😀"', "@'\\d+(x)?'", "'[a-'", "h'%_'", "'\\0'", "'2024-02-30'", '"10.0.0.1/8"', "'{\"k\":[1]}'"),
    "long": ("0", "1", "-1", "9223372036854775807", "long(-9223372036854775808)", "long(null)", "0x7f", "1000000"),
    "int": ("int(0)", "int(-2147483648)", "int(null)", "int(7)"),
    "real": ("0.0", "1.5", "-1e308", "real(nan)", "real(+inf)", "real(null)", "1e-300"),
    "decimal": ("decimal(0)", "decimal(1.25)", "decimal(1e30)", "decimal(null)", "decimal(-0.00000000000000001)"),
    "datetime": ("datetime(null)", "datetime(0001-01-01)", "datetime(9999-12-31 23:59:59.9999999)", "now()", "ago(1d)"),
    "timespan": ("1d", "0s", "-1tick", "time(null)", "time(10675199.02:48:05.4775807)", "1microsecond"),
    "guid": ("guid(null)", "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)"),
    "bool": ("true", "false", "bool(null)"),
    "dynamic": ("dynamic(null)", "dynamic([])", "dynamic({})", 'dynamic({"k":[1,2.5,"x",null]})', "dynamic([3,1,2])", "dynamic('x')"),
}  # fmt: skip
KINDS = tuple(LITERALS)
TEXT_OPERATORS = (
    "==",
    "!=",
    "=~",
    "!~",
    "has",
    "!has",
    "contains",
    "startswith",
    "endswith",
    "hasprefix",
    "matches regex",
    "has_cs",
)
JOINS = (
    "",
    "kind=inner",
    "kind=innerunique",
    "kind=leftouter",
    "kind=rightouter",
    "kind=fullouter",
    "kind=leftanti",
    "kind=rightsemi",
)


class Grammar:
    """One query from a source of chance."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.columns: dict[str, str] = dict(COLUMNS)

    def query(self) -> str:
        """A query of up to six operators, sometimes with let statements."""
        self.columns = {}
        lets = "".join(
            f"let v{at} = {self.scalar(self.kind(), 1)};\n" for at in range(self.dice.randrange(3))
        )
        return lets + self.rows(self.dice.randrange(1, 7))

    def rows(self, size: int) -> str:
        """A table and operators over it."""
        source = self.dice.choice(("T", "T", "T", "(T)", "U", "range n from 1 to 5 step 1", "union T, U"))
        self.columns = {"n": "long"} if source.startswith("range") else dict(COLUMNS)
        return source + "".join(f"\n| {self.operator()}" for _ in range(size))

    def kind(self) -> str:
        return self.dice.choice(KINDS)

    def pick(self, kind: str = "") -> str:
        """A column, of a type where one has it; sometimes one that is not there."""
        fitting = [name for name, own in self.columns.items() if own == kind or not kind]
        if not fitting or self.dice.random() < 0.01:
            return self.dice.choice([*self.columns, "nothing"])
        return self.dice.choice(fitting)

    # expressions

    def scalar(self, kind: str, depth: int) -> str:
        """An expression, mostly of the type."""
        if self.dice.random() < 0.05:
            kind = self.kind()
        if depth <= 0 or self.dice.random() < 0.3:
            column = self.dice.random() < 0.7 and kind in self.columns.values()
            return self.pick(kind) if column else self.dice.choice(LITERALS[kind])
        made = [self.called, self.called, self.combined, self.path, self.chosen]
        return self.dice.choice(made)(kind, depth)

    def called(self, kind: str, depth: int) -> str:
        """A call of a function that gives the type."""
        named = sorted(_giving(load_functions()).get(kind, ()))
        if not named:
            return self.dice.choice(LITERALS[kind])
        return self.call(load_functions()[self.dice.choice(named)], depth)

    def call(self, callee: Callee, depth: int) -> str:
        """A call by one of the signatures, with a count of arguments that it takes (mostly)."""
        signature = self.dice.choice(callee.signatures)
        most = len(signature.parameters) + (2 * signature.block if signature.variadic else 0)
        count = self.dice.randint(signature.minimum_arguments, most) if most else 0
        return (
            f"{callee.name}({', '.join(self.argument(signature, at, count, depth) for at in range(count))})"
        )

    def argument(self, signature: Any, at: int, count: int, depth: int) -> str:
        try:
            parameter = signature.get_parameter(at, count)
        except IndexError:
            return self.dice.choice(LITERALS[self.kind()])
        kind = self.dice.choice(sorted(parameter.accepted)) if parameter.accepted else "string"
        if parameter.constant:
            return self.dice.choice(LITERALS[str(kind)])
        return self.scalar(str(kind), depth - 1)

    def combined(self, kind: str, depth: int) -> str:
        """Operators between two operands."""
        if kind == "bool":
            return self.condition(depth)
        mark = self.dice.choice("+-*/%")
        return f"({self.scalar(kind, depth - 1)} {mark} {self.scalar(kind, depth - 1)})"

    def condition(self, depth: int) -> str:
        """Something that is true or false."""
        kind = self.kind()
        left, right = self.scalar(kind, depth - 1), self.scalar(kind, depth - 1)
        forms = (
            f"{left} {self.dice.choice(('==', '!=', '<', '<=', '>', '>='))} {right}",
            f"{self.scalar('string', depth - 1)} {self.dice.choice(TEXT_OPERATORS)} {self.scalar('string', 0)}",
            f"{left} {self.dice.choice(('in', '!in', 'in~', 'has_any'))} ({right}, {self.dice.choice(LITERALS[kind])})",
            f"{left} between ({right} .. {self.scalar(kind, 0)})",
            f"({self.scalar('bool', depth - 1)} {self.dice.choice(('and', 'or'))} {self.scalar('bool', depth - 1)})",
            f"{self.pick()} in ((U | project {self.dice.choice(list(COLUMNS))}))",
        )
        return f"({self.dice.choice(forms)})"

    def path(self, kind: str, depth: int) -> str:
        """A member or an element of a dynamic, converted."""
        step = self.dice.choice((".k", "['k']", "[0]", "[-1]", ".k[1]", "[tostring(n)]", "['a.b']", "[i]"))
        target = self.pick("dynamic") if "dynamic" in self.columns.values() else "dynamic([1])"
        return f"{target}{step}" if kind == "dynamic" else f"to{_CONVERT.get(kind, kind)}({target}{step})"

    def chosen(self, kind: str, depth: int) -> str:
        """iff, case, coalesce."""
        one, two = self.scalar(kind, depth - 1), self.scalar(kind, depth - 1)
        test = self.scalar("bool", depth - 1)
        return self.dice.choice(
            (f"iff({test}, {one}, {two})", f"coalesce({one}, {two})", f"case({test}, {one}, {two})")
        )

    def aggregate(self) -> str:
        """A call of an aggregate."""
        return self.call(load_aggregates()[self.dice.choice(sorted(load_aggregates()))], 1)

    # operators

    def operator(self) -> str:
        return self.dice.choice(_OPERATORS)(self)

    def where(self) -> str:
        return f"where {self.scalar('bool', 3)}"

    def extend(self) -> str:
        kind, name = self.kind(), self.dice.choice(("x", "y", "a", "N"))
        text = f"extend {name} = {self.scalar(kind, 3)}"
        self.columns[name] = kind
        return text

    def project(self) -> str:
        kept = self.dice.sample(list(self.columns), min(len(self.columns), self.dice.randint(1, 5)))
        kind = self.kind()
        text = f"project {', '.join(kept)}, z = {self.scalar(kind, 2)}"
        self.columns = {name: self.columns[name] for name in kept} | {"z": kind}
        return text

    def summarize(self) -> str:
        by = self.dice.sample(list(self.columns), min(len(self.columns), self.dice.randrange(3)))
        text = f"summarize q = {self.aggregate()}, count(), {self.aggregate()}" + (
            f" by {', '.join(by)}" if by else ""
        )
        self.columns = {name: self.columns[name] for name in by} | {"count_": "long"}
        return text

    def binned(self) -> str:
        text = f"summarize count() by b = bin({self.pick('datetime')}, {self.dice.choice(('1h', '1d', '0s', '-1d'))})"
        self.columns = {"b": "datetime", "count_": "long"}
        return text

    def sort(self) -> str:
        return f"{self.dice.choice(('sort', 'order'))} by {self.pick()} {self.dice.choice(('', 'asc', 'desc nulls first'))}"

    def top(self) -> str:
        return self.dice.choice(
            (f"top {self.dice.randint(-1, 5)} by {self.pick()}", "take 3", "count", "sample 2")
        )

    def distinct(self) -> str:
        return self.dice.choice((f"distinct {self.pick()}, {self.pick()}", "distinct *"))

    def join(self) -> str:
        key = self.pick()
        side = self.dice.choice(("U", "(U | where f)", "(T | summarize count() by a)"))
        return f"{self.dice.choice(('join ' + self.dice.choice(JOINS), 'lookup'))} {side} on {key}"

    def expand(self) -> str:
        word = self.dice.choice(("mv-expand", "mv-expand kind=array", "mv-apply"))
        return f"{word} e = {self.scalar('dynamic', 1)}" + (" on (count)" if word == "mv-apply" else "")

    def parse(self) -> str:
        kind = self.dice.choice(("", "kind=regex", "kind=relaxed", "kind=regex flags=iU"))
        return f"parse {kind} {self.pick('string')} with {self.dice.choice(('', '*'))} 'a' p:{self.kind()} '(' q *"

    def other(self) -> str:
        words = (
            "project-away {0}", "project-rename w = {0}", "project-reorder {0}", "project-keep {0}, a*", "getschema",
            "serialize k = row_number()", "extend p = prev({0})", "union U", "union isfuzzy=true U, Missing", "as w",
            "make-series c = count() on t from ago(1d) to now() step 1h by a", "top-nested 2 of {0} by count()",
            "evaluate bag_unpack(d)", "evaluate pivot(a)", "search 'a'", "where * has 'a'", "facet by {0}", "render timechart",
            "partition by {0} (take 1)", "reduce by {0}", "consume", "invoke f()", "sample-distinct 2 of {0}", "top-hitters 2 of {0}",
        )  # fmt: skip
        return self.dice.choice(words).format(self.pick())


_CONVERT = {"decimal": "decimal", "datetime": "datetime"}
_OPERATORS: tuple[Callable[[Grammar], str], ...] = (
    Grammar.where, Grammar.where, Grammar.extend, Grammar.extend, Grammar.project, Grammar.summarize, Grammar.summarize,
    Grammar.binned, Grammar.sort, Grammar.top, Grammar.distinct, Grammar.join, Grammar.expand, Grammar.parse, Grammar.other,
)  # fmt: skip
_GIVEN: dict[str, set[str]] = {}


def _giving(known: Mapping[str, Callee]) -> dict[str, set[str]]:
    """The functions with a name that a query can write, by the type that they give (those that keep a type: every type)."""
    if not _GIVEN:
        for name, callee in known.items():
            for signature in callee.signatures if not callee.hidden else ():
                kinds = (signature.returns,) if signature.returns in list(KqlType) else KINDS
                for kind in kinds:
                    _GIVEN.setdefault(kind, set()).add(name)
    return _GIVEN
