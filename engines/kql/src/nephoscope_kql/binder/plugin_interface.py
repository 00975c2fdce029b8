"""Plugin interface of `evaluate`: declaration, arguments and binding context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from nephoscope_kql import tree
from nephoscope_kql.binder.column_naming import get_implied_name
from nephoscope_kql.binder.environment import Env
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.errors import Span, make_invalid_error
from nephoscope_kql.plan.expressions import ColumnRef
from nephoscope_kql.plan.relations import Assign
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.types import KqlType

DEFAULT = "~"
"""What a query writes for an argument that it leaves to the plugin."""


@dataclass(eq=False)
class PluginCall:
    """One `evaluate`: the rows it gets, its arguments in order and by name, the schema that the query declares (None = none).

    `extends`: the declared schema begins with `*`, all columns of the input. `learns`: the plugin can take the schema from it.
    """

    plugin: Plugin
    relation: Relation
    node: tree.Call
    env: Env
    schema: tuple[tree.ColumnDeclaration, ...] | None
    extends: bool

    @property
    def span(self) -> Span:
        """Return where the plugin is called."""
        return self.node.span

    @cached_property
    def inner(self) -> Env:
        """Return where expressions over a row are bound."""
        return self.env.with_relation_columns(self.relation)

    @cached_property
    def named_arguments(self) -> dict[str, tree.Expression]:
        """The arguments that a parameter of the plugin names: `columnsConflict = 'error'`."""
        known = self.plugin.named
        return {
            item.names[0].name: item.value
            for item in self.node.arguments
            if isinstance(item, tree.Named) and item.names[0].name in known
        }

    @cached_property
    def arguments(self) -> list[tree.Expression]:
        """The arguments by position: all but the named ones."""
        known = self.plugin.named
        return [
            item
            for item in self.node.arguments
            if not (isinstance(item, tree.Named) and item.names[0].name in known)
        ]

    def find_argument(self, place: int, name: str) -> tree.Expression | None:
        """The argument at a place or of a name; None where it is left out."""
        if name in self.named_arguments:
            return self.named_arguments[name]
        return self.arguments[place] if place < len(self.arguments) else None

    def require_argument(self, place: int, name: str) -> tree.Expression:
        """The argument at a place or of a name; KqlError where it is left out."""
        found = self.find_argument(place, name)
        if found is None:
            raise make_invalid_error(
                f"{self.plugin.name}() needs its argument {name}", self.span, self.plugin.signature
            )
        return found

    def bind_value(self, expression: tree.Expression) -> Bound:
        """An argument over a row."""
        return self.inner.bind_scalar(expression.value if isinstance(expression, tree.Named) else expression)

    def bind_column(self, place: int, name: str) -> Column:
        """An argument that must be a column of the rows."""
        expression = self.require_argument(place, name)
        found = self.bind_value(expression)
        if not isinstance(found, ColumnRef):
            raise make_invalid_error(f"{name} of {self.plugin.name}() must be a column", expression.span)
        return found.column

    def read_constant(self, place: int, name: str, kind: KqlType, default: object = None) -> Any:
        """The value of an argument that must be a constant of a type; `default` (None = it is needed) where it is left out, or '~'."""
        expression = (
            self.find_argument(place, name) if default is not None else self.require_argument(place, name)
        )
        if expression is None:
            return default
        found = self.env.without_row().bind_scalar(expression)
        if isinstance(found, Constant):
            if found.value == DEFAULT and default is not None:
                return default
            if found.type == kind:
                return found.value
            number = found.value if found.type.is_numeric and isinstance(found.value, int | float) else None
            if kind == KqlType.REAL and number is not None:
                return float(number)
            if kind == KqlType.LONG and number is not None and float(number).is_integer():
                return int(number)
        raise make_invalid_error(f"{name} of {self.plugin.name}() must be a constant {kind}", expression.span)

    def bind_scalar(self, place: int, name: str, kind: KqlType) -> Bound:
        """An argument that needs no row, in a type."""
        return convert_explicitly(
            self.env.without_row().bind_scalar(self.require_argument(place, name)), kind
        )

    def bind_rows(self, place: int, name: str) -> Relation:
        """An argument that gives rows."""
        return self.env.bind_tabular(self.require_argument(place, name))

    def bind_dimensions(self, place: int) -> list[tuple[str, Bound]]:
        """All arguments from a place on, with the names of their columns."""
        return [self.bind_dimension(expression) for expression in self.arguments[place:]]

    def bind_dimension(self, expression: tree.Expression) -> tuple[str, Bound]:
        """An argument that slices the rows, with its name."""
        name = (
            expression.names[0].name if isinstance(expression, tree.Named) else get_implied_name(expression)
        )
        return name, self.bind_value(expression)

    def make_columns(self, *names: tuple[str, KqlType]) -> tuple[Column, ...]:
        """New columns."""
        return tuple(self.env.binder.make_column(name, kind) for name, kind in names)

    def assign_columns(self, columns: Mapping[str, Bound], *, keep: bool = False) -> Relation:
        """Return the rows with columns of the given names alone, or behind their own (`keep`)."""
        made = tuple(
            (self.env.binder.make_column(name, value.type), value) for name, value in columns.items()
        )
        own = self.relation.columns if keep else ()
        return Assign(
            columns=(*own, *(column for column, _ in made)),
            order=self.relation.order,
            input=self.relation,
            assigned=made,
        )


def rename_columns(relation: Relation, names: Mapping[str, str]) -> Relation:
    """A relation showing its columns under other names, those that `names` has, in that order."""
    known = {column.name: column for column in relation.columns}
    columns = tuple(known[old].with_name(new) for old, new in names.items())
    return Assign(columns=columns, order=relation.order, input=relation, assigned=())


Binding: TypeAlias = Callable[[PluginCall], Relation]


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin of `evaluate`: how it is called, what it does, and who binds it (None = nephoscope refuses it by name, with `reason`).

    `named`: parameters that a query may give by name. `schema`: it takes a declared schema. `by_row`: what it makes of a row depends
    on no other row, once its columns are known, and leaves the row's hidden columns: so it works on each part of the rows alone.
    """

    name: str
    signature: str
    summary: str
    family: str
    bind: Binding | None
    named: frozenset[str] = frozenset()
    schema: bool = False
    reason: str = ""
    by_row: bool = False

    @property
    def is_internal(self) -> bool:
        """Return whether it is a part of another plugin, which nobody names."""
        return self.name.startswith("_")

    @property
    def status(self) -> str:
        """'supported', or why it is refused."""
        return self.reason or "supported"


def declare_plugin(
    signature: str, *, named: str = "", schema: bool = False, by_row: bool = False
) -> Callable[[Binding], Plugin]:
    """Declare a plugin by the function that binds it; its docstring's first line is the summary."""

    def declare(bind: Binding) -> Plugin:
        return Plugin(
            signature.partition("(")[0],
            signature,
            (bind.__doc__ or "").strip().partition("\n")[0],
            bind.__module__.rpartition(".")[2],
            bind,
            frozenset(named.split()),
            schema,
            by_row=by_row,
        )

    return declare


def refuse_plugin(signature: str, summary: str, reason: str, family: str) -> Plugin:
    """A plugin that the language has and nephoscope has not."""
    return Plugin(signature.partition("(")[0], signature, summary, family, None, reason=reason)


def mark_open(relation: Relation, env: Env) -> Relation:
    """A relation of which other rows could have more columns."""
    env.binder.unseen = env.binder.unseen or env.binder.probe is None
    return replace(relation, open=True)
