"""union."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.column_naming import ColumnNames, get_implied_name
from nephoscope_kql.binder.environment import Env, LambdaMeaning, make_reference, register_operator_binder
from nephoscope_kql.binder.places import resolve_place
from nephoscope_kql.binder.scope import is_tabular
from nephoscope_kql.errors import KqlError, Span, UnknownSourceError, make_invalid_error
from nephoscope_kql.operators.join import find_parameter, read_parameter_choice
from nephoscope_kql.plan.relations import Assign, Concatenated, Shared
from nephoscope_kql.plan.values import Bound, Column, Relation
from nephoscope_kql.tree.operators import Union
from nephoscope_kql.types import KqlType

Part = tuple[str, Relation]


@register_operator_binder(Union)
def bind_union(relation: Relation | None, operator: Union, env: Env) -> Relation:
    """`union`: columns by name and type; with isfuzzy a part is left out whose tables or functions are not there.

    A stored function that cannot be bound over the tables that are there is not there either. What is wrong in the query's own text
    is an error.
    """
    lenient = is_fuzzy(operator.parameters)
    parts: list[Part] = [] if relation is None else [(find_as_name(relation), relation)]
    failed: KqlError | None = None
    for item in operator.items:
        try:
            parts += _bind_leniently(item, env) if lenient else bind_union_parts(item, env)
        except KqlError as error:
            if not lenient or not (isinstance(error, UnknownSourceError) or error.function):
                raise
            if env.site is None:
                env.binder.add_warning(f"left out of the union: {error.message}")
            failed = failed or error
    mistakes = env.binder.mistakes
    if failed is not None and parts and mistakes is not None and mistakes.errors:
        parts.append(("", env.binder.build_unknown_rows()))
    if not parts:
        raise failed or make_invalid_error("union has no tables", operator.span)
    return build_union_rows(parts, operator, env)


def is_fuzzy(parameters: tuple[tree.OperatorParameter, ...]) -> bool:
    """Return whether what is missing is passed over: `isfuzzy=true`."""
    fuzzy = find_parameter(parameters, "isfuzzy")
    if fuzzy is not None and fuzzy.word not in ("true", "false", "1", "0"):
        raise make_invalid_error("isfuzzy is true or false", fuzzy.span)
    return fuzzy is not None and fuzzy.word in ("true", "1")


def _bind_leniently(item: tree.Expression, env: Env) -> list[Part]:
    """The rows of an item that is left out where nobody has a table or function that it names."""
    if env.binder.mistakes is None:
        return bind_union_parts(item, env)
    with env.binder.mistakes.suspend_collection():
        return bind_union_parts(item, env)


def bind_union_parts(item: tree.Expression, env: Env) -> list[Part]:
    """The rows that an item of union names, each with what `withsource` calls it."""
    if isinstance(item, tree.Wildcard):
        return _match_tables(item.pattern, env, item.span)
    if isinstance(item, tree.Member) and "*" in item.name:
        return _match_tables(
            item.name, replace(env, names={}, place=resolve_place(item.target, env)), item.span
        )
    rows = env.bind_tabular(item)
    return [(find_as_name(rows) or _find_source_label(item, env), rows)]


def _match_tables(pattern: str, env: Env, span: Span) -> list[Part]:
    """The tables and variables whose name is like a pattern; of stored functions a wildcard means views, and there are none."""
    found = sorted(
        name
        for name in env.catalog.names()
        if fnmatchcase(name, pattern) and env.can_see(name) and env.catalog.find_table(name) is not None
    )
    found += [
        name
        for name in env.names
        if fnmatchcase(name, pattern)
        and name not in found
        and env.can_see(name)
        and _is_rows(name, env, span)
    ]
    if not found:
        raise UnknownSourceError(f"no table is named like '{pattern}'", span)
    return [(name, env.bind_tabular(tree.Name(name=name, span=span))) for name in found]


def _is_rows(name: str, env: Env, span: Span) -> bool:
    """Return whether a variable holds rows that it gives without arguments."""
    meaning = env.names[name]
    if isinstance(meaning, LambdaMeaning) and meaning.function.parameters:
        return False
    return is_tabular(tree.Name(name=name, span=span), env.without_row())


def find_as_name(relation: Relation) -> str:
    """The name that `as`, the last operator of the rows, gives them; '' without it."""
    return relation.label if isinstance(relation, Shared) else ""


def _find_source_label(item: tree.Expression, env: Env) -> str:
    """Return what `withsource` calls a part: a table or function by its name; a variable that holds rows has none."""
    if isinstance(item, tree.Name) and not isinstance(env.names.get(item.name), LambdaMeaning | None):
        return ""
    return get_implied_name(item)


def build_union_rows(parts: list[Part], operator: Union, env: Env) -> Relation:
    """The rows of all parts one after another."""
    inner = read_parameter_choice(operator.parameters, "kind", ("outer", "inner"), "union") == "inner"
    source = find_parameter(operator.parameters, "withsource") or find_parameter(
        operator.parameters, "with_source"
    )
    if source is None or not source.values:
        return build_union_with_source("", parts, env, operator.span, inner)
    label = source.values[0]
    name = label.name if isinstance(label, tree.Name) else source.word
    labelled = [(own or f"union_arg{place}", part) for place, (own, part) in enumerate(parts)]
    return build_union_with_source(name, labelled, env, operator.span, inner)


def build_union_with_source(
    name: str, parts: list[Part], env: Env, span: Span, inner: bool = False
) -> Relation:
    """The rows of all parts, before them a column of that name ('' = none) that says which part a row is of."""
    parts = [
        (label, _bind_type_unknown_columns(part, place, parts, env))
        for place, (label, part) in enumerate(parts)
    ]
    columns = _index_columns([part for _, part in parts], inner, env)
    nulls = {key: constants.make_null(key[1], span) for key in columns}
    fills: list[list[Bound]] = []
    for _, part in parts:
        own = {(column.name, column.type): column for column in part.columns}
        fills.append([make_reference(own[key], span) if key in own else null for key, null in nulls.items()])
    made = list(columns.values())
    if name:
        made.insert(0, env.binder.make_column(name, KqlType.STRING))
        for (label, _), fill in zip(parts, fills, strict=True):
            fill.insert(0, constants.make_text(label, span))
    return Concatenated(
        columns=tuple(made),
        inputs=tuple(part for _, part in parts),
        fills=tuple(tuple(fill) for fill in fills),
        open=any(part.open for _, part in parts),
    )


def _bind_type_unknown_columns(part: Relation, place: int, parts: list[Part], env: Env) -> Relation:
    """A part whose columns of no known type (they are null) have the type that another part gives them.

    Without rows to look at only parts before it count, as in Microsoft's analyzer.
    """
    others = [one for _, one in (parts[:place] if env.binder.probe is None else parts)]
    kinds = {
        column.name: column.type
        for one in others
        for column in one.columns
        if column.id not in env.binder.untyped
    }
    made = {
        column.id: env.binder.make_column(column.name, kinds[column.name])
        for column in part.columns
        if column.id in env.binder.untyped and column.name in kinds
    }
    if not made:
        return part
    return Assign(
        columns=tuple(made.get(column.id, column) for column in part.columns),
        order=part.order,
        open=part.open,
        input=part,
        assigned=tuple((column, constants.make_null(column.type)) for column in made.values()),
    )


def _index_columns(parts: list[Relation], inner: bool, env: Env) -> dict[tuple[str, KqlType], Column]:
    """The result's columns by (name, type) of the parts; one name with several types gets the type behind it.

    Where another column has that name already, a number follows.
    """
    keys: dict[tuple[str, KqlType], None] = {}
    mistaken = _find_mistaken(parts, env)
    for part in parts:
        keys.update(
            ((column.name, KqlType.DYNAMIC if column.name in mistaken else column.type), None)
            for column in part.columns
        )
    if inner:
        keys = {
            key: None
            for key in keys
            if all(any((column.name, column.type) == key for column in part.columns) for part in parts)
        }
    counts = Counter(name for name, _ in keys)
    first = {name: place for place, name in enumerate(counts)}
    keys = dict.fromkeys(sorted(keys, key=lambda key: first[key[0]]))
    untyped = {column.name for part in parts for column in part.columns if column.id in env.binder.untyped}
    column_names = ColumnNames(name for name, count in counts.items() if count == 1)
    return {
        (name, kind): env.binder.make_column(
            name
            if counts[name] == 1
            else column_names.make_unique(f"{name}_{_choose_type_suffix(name, kind, untyped)}"),
            kind,
        )
        for name, kind in keys
    }


def _find_mistaken(parts: list[Relation], env: Env) -> set[str]:
    """The names of columns whose types nobody knows, because an error was noted where they are made."""
    marked = set() if env.binder.mistakes is None else env.binder.mistakes.columns
    return {column.name for part in parts for column in part.columns if column.id in marked}


def _choose_type_suffix(name: str, kind: KqlType, untyped: set[str]) -> str:
    return "unknown" if name in untyped and kind == KqlType.DYNAMIC else kind.value
