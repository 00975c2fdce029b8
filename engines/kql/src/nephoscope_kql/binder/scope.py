"""Names: whether they stand for rows or values, let statements, and functions expanded where they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.built_in_calls import PLACE_PROPERTIES, TABULAR_CALLS, list_built_in_names
from nephoscope_kql.binder.diagnostics import ErrorExpression, build_unknown_value
from nephoscope_kql.binder.environment import (
    EntityGroupMeaning,
    EntityMeaning,
    Env,
    LambdaMeaning,
    Meaning,
    PatternMeaning,
    RowMeaning,
    ScalarMeaning,
    SharedTableMeaning,
    Site,
    TableMeaning,
)
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.places import is_place, resolve_place
from nephoscope_kql.binder.query_parameters import check_option
from nephoscope_kql.binder.stored_functions import parse_stored_function
from nephoscope_kql.errors import (
    CycleError,
    Span,
    TooLargeError,
    make_invalid_error,
)
from nephoscope_kql.known_options import describe_unknown_option
from nephoscope_kql.plan.column_references import list_operands
from nephoscope_kql.plan.expressions import ColumnRef
from nephoscope_kql.plan.relations import Shared
from nephoscope_kql.plan.values import Column, Constant, Relation, SortKey

if TYPE_CHECKING:
    from nephoscope_kql.plan.values import Bound

_OUTER = "outer rows"

MAX_PARTS = 50_000
"""How many constants, columns and calls the value of a variable may be made of."""


def is_tabular(expression: tree.Expression, env: Env) -> bool:
    """Return whether an expression stands for rows."""
    if isinstance(expression, tree.Pipe):
        return expression.source is None or bool(expression.operators) or is_tabular(expression.source, env)
    if isinstance(expression, tree.Datatable | tree.ExternalData):
        return True
    if isinstance(expression, tree.Name):
        return expression.name not in env.row and _is_name_tabular(expression.name, env)
    if isinstance(expression, tree.Call):
        return (
            expression.name in TABULAR_CALLS
            or _is_pattern_call(expression, env)
            or _is_tabular_function(expression.name, env)
        )
    if isinstance(expression, tree.Member):
        if expression.name in PLACE_PROPERTIES:
            return False
        return is_place(expression.target, env) or _is_pattern_call(expression.target, env)
    return isinstance(expression, tree.MemberCall) and is_place(expression.target, env)


def _is_pattern_call(expression: tree.Expression, env: Env) -> bool:
    return isinstance(expression, tree.Call) and isinstance(env.names.get(expression.name), PatternMeaning)


def choose_pattern_case(node: tree.Call | tree.Member, env: Env) -> tuple[LambdaMeaning, tree.Call] | None:
    """The function that `pattern("a").path` means and the call of it; None where no pattern is called, KqlError where none matches."""
    call = node.target if isinstance(node, tree.Member) else node
    meaning = env.names.get(call.name) if isinstance(call, tree.Call) else None
    if not isinstance(call, tree.Call) or not isinstance(meaning, PatternMeaning):
        return None
    pattern = meaning.pattern
    if pattern.path != isinstance(node, tree.Member) and pattern.cases:
        wanted = "takes a path" if pattern.path else "has no path"
        raise make_invalid_error(f"the pattern {call.name} {wanted}", node.span)
    given = [env.without_row().bind_scalar(argument) for argument in call.arguments]
    for value in given:
        if not isinstance(value, Constant):
            raise make_invalid_error("the arguments of a pattern are constants", value.span)
    values = [value.value for value in given if isinstance(value, Constant)]
    values += [node.name] if isinstance(node, tree.Member) else []
    for case in pattern.cases:
        if [one.value for one in case.values] == values:
            spelled = tree.Call(name=call.name, arguments=case.values, span=node.span)
            return LambdaMeaning(case.body, meaning.env), spelled
    listed = ", ".join(repr(value) for value in values)
    raise make_invalid_error(f"the pattern {call.name} has no case for {listed}", node.span)


def _is_name_tabular(name: str, env: Env) -> bool:
    meaning = env.names.get(name)
    if meaning is not None:
        return not isinstance(meaning, ScalarMeaning | RowMeaning | EntityGroupMeaning | EntityMeaning) and (
            not isinstance(meaning, LambdaMeaning) or _is_tabular_function(name, env)
        )
    return env.catalog.find_table(name) is not None or _is_tabular_function(name, env)


def _is_tabular_function(name: str, env: Env) -> bool:
    found = find_function(name, env, NO_SPAN)
    if found is None:
        return False
    body = found.function.body
    return body is not None and is_tabular(body, _build_shape(found))


NO_SPAN = Span(0, 0)


def _build_shape(found: LambdaMeaning) -> Env:
    """The names inside a function, enough to tell rows from values."""
    names: dict[str, Meaning] = {}
    for parameter in found.function.parameters:
        if parameter.schema is not None:
            names[parameter.name] = TableMeaning(
                tree.Datatable(columns=parameter.schema, values=()), found.env
            )
        else:
            names[parameter.name] = _ANY_SCALAR
    env = found.env.without_row().with_names(names)
    for statement in found.function.statements:
        if isinstance(statement, tree.Let):
            env = env.with_names({statement.name: _build_parameter_meaning(statement.value, env)})
    return env


def _build_parameter_meaning(value: tree.Expression, env: Env) -> Meaning:
    if isinstance(value, tree.Lambda):
        return LambdaMeaning(value, env)
    return TableMeaning(value, env) if is_tabular(value, env) else _ANY_SCALAR


def find_function(name: str, env: Env, span: Span) -> LambdaMeaning | None:
    """The function of a name: a let function, else one that the catalog stores, where the language has none of the name.

    CycleError where it is being expanded already.
    """
    meaning = env.names.get(name)
    if meaning is not None:
        return meaning if isinstance(meaning, LambdaMeaning) else None
    stored = None if name in list_built_in_names() else env.catalog.find_function(name)
    if stored is None:
        return None
    site = env.site or Site(stored.name, span)
    if stored in env.calls:
        way = " -> ".join(one.name for one in (*env.calls[env.calls.index(stored) :], stored))
        raise CycleError(f"the function {stored.name} calls itself: {way}", site.call)
    inside = Env(env.binder, place=env.place, site=site, calls=(*env.calls, stored))
    return LambdaMeaning(parse_stored_function(stored, span), inside)


def declare_names(statements: Iterable[tree.Statement], env: Env) -> Env:
    """The names after let statements and query parameters."""
    for statement in statements:
        if isinstance(statement, tree.Let):
            env = env.with_names({statement.name: _bind_meaning(statement.value, env)})
        elif isinstance(statement, tree.QueryParameters):
            env = env.with_names({item.name: _build_default(item, env) for item in statement.parameters})
        elif isinstance(statement, tree.Pattern):
            env = env.with_names({statement.name: PatternMeaning(statement, env)})
        elif isinstance(statement, tree.Set):
            env.binder.options[statement.name] = find_option(statement, env)
            env.binder.add_warning(describe_unknown_option(statement))
        elif isinstance(statement, tree.AliasStatement):
            env.binder.aliases[statement.name] = resolve_place(statement.value, env)
        elif isinstance(statement, tree.Restrict):
            env = replace(env, visible=tuple(_read_pattern(name) for name in statement.names))
    return env


def declare_unbound_names(statement: tree.Statement, env: Env) -> Env:
    """The names after a statement that could not be bound: those that it gives are not known to be values or rows."""
    names = [statement.name] if isinstance(statement, tree.Let) else []
    if isinstance(statement, tree.QueryParameters):
        names = [item.name for item in statement.parameters]
    return env.with_names({name: ScalarMeaning(build_unknown_value(statement.span)) for name in names})


def find_option(statement: tree.Set, env: Env) -> Bound | None:
    """The value of a `set` option: a word is its text, none is None."""
    value = statement.value
    check_option(statement)
    if isinstance(value, tree.Name):
        return constants.make_text(value.name, value.span)
    return None if value is None else env.bind_scalar(value)


def _read_pattern(item: tree.Expression) -> str:
    """Return what `restrict access to` names: a name, a name with stars, or those of a database."""
    if isinstance(item, tree.Wildcard):
        return item.pattern
    if isinstance(item, tree.Name | tree.Member):
        return item.name
    raise make_invalid_error("restrict access takes names of tables, views and functions", item.span)


def _bind_meaning(value: tree.Expression, env: Env) -> Meaning:
    if isinstance(value, tree.Lambda):
        return LambdaMeaning(value, env)
    if isinstance(value, tree.EntityGroup):
        return EntityGroupMeaning(value, env)
    if not is_tabular(value, env):
        return _bind_value(env.bind_scalar(value), value.span)
    if isinstance(value, tree.Call) and value.name == "materialize":
        return bind_shared_rows(value, env)
    return TableMeaning(value, env)


def _bind_value(value: Bound, span: Span) -> ScalarMeaning:
    """The meaning of a name for a value, which stands wherever the name does: so what it is made of has a limit."""
    parts, pending = 0, [value]
    while pending:
        parts += 1
        if parts > MAX_PARTS:
            raise TooLargeError(f"the value is made of more than {MAX_PARTS:,} parts", span, "unsupported")
        pending.extend(list_operands(pending.pop()))
    return ScalarMeaning(value)


def bind_shared_rows(expression: tree.Expression, env: Env) -> SharedTableMeaning:
    """Rows that are computed once, bound when they are first used."""
    found: list[tuple[Relation, str]] = []

    def make() -> Relation:
        if not found:
            found.append((env.bind_tabular(expression), env.binder.choose_shared_name()))
        return copy_shared_rows(*found[0], env)

    return SharedTableMeaning(make)


def share_bound_rows(relation: Relation, env: Env, label: str = "") -> SharedTableMeaning:
    """Rows that are bound already, computed once however often they are used; `label` is the name that `as` gives."""
    name = env.binder.choose_shared_name()
    return SharedTableMeaning(lambda: copy_shared_rows(relation, name, env, label))


def copy_shared_rows(relation: Relation, name: str, env: Env, label: str = "") -> Shared:
    """Shared rows under new columns, in their order."""
    columns = env.binder.build_fresh_columns(relation)
    new = dict(zip((column.id for column in relation.columns), columns, strict=True))
    order: list[SortKey] = []
    hidden: list[tuple[Column, Column]] = []
    for key in relation.order:
        if not isinstance(key.value, ColumnRef):
            break
        old = key.value.column
        if old.id not in new:
            new[old.id] = env.binder.make_column("", old.type)
            hidden.append((new[old.id], old))
        order.append(replace(key, value=replace(key.value, column=new[old.id])))
    return Shared(
        columns=columns,
        order=tuple(order),
        open=relation.open,
        input=relation,
        name=name,
        label=label,
        hidden=tuple(hidden),
    )


def _build_default(parameter: tree.LambdaParameter, env: Env) -> ScalarMeaning:
    if parameter.default is None or parameter.type is None:
        raise make_invalid_error(f"the query parameter '{parameter.name}' has no value", parameter.span)
    return ScalarMeaning(convert_explicitly(env.bind_scalar(parameter.default), parameter.type))


def enter_function(found: LambdaMeaning, call: tree.Call, env: Env, first: Relation | None = None) -> Env:
    """The names inside a function that is called: its parameters with the arguments, its own let statements.

    `first` is what `invoke` pipes into the first parameter.
    """
    given = _build_arguments(found.function, call, piped=first is not None)
    names: dict[str, Meaning] = {}
    for place, parameter in enumerate(found.function.parameters):
        if place == 0 and first is not None:
            names[parameter.name] = share_bound_rows(first, env)
        else:
            names[parameter.name] = _build_argument(
                parameter, given.get(parameter.name), found, env, call.span
            )
    return declare_names(found.function.statements, found.env.without_row().with_names(names))


def _build_arguments(function: tree.Lambda, call: tree.Call, piped: bool) -> dict[str, tree.Expression]:
    parameters = function.parameters[1:] if piped else function.parameters
    given: dict[str, tree.Expression] = {}
    for place, argument in enumerate(call.arguments):
        if isinstance(argument, tree.Named) and any(
            item.name == argument.names[0].name for item in parameters
        ):
            given[argument.names[0].name] = argument.value
        elif place < len(parameters):
            given[parameters[place].name] = argument.value if isinstance(argument, tree.Named) else argument
        else:
            raise make_invalid_error(f"{call.name}() takes {len(parameters)} arguments", argument.span)
    return given


def _build_argument(
    parameter: tree.LambdaParameter, given: tree.Expression | None, found: LambdaMeaning, env: Env, span: Span
) -> Meaning:
    if parameter.schema is not None:
        if given is None:
            raise make_invalid_error(f"the tabular argument '{parameter.name}' is missing", span)
        return TableMeaning(given, env.without_row())
    if given is not None:
        return _bind_value(_convert_parameter(env.bind_scalar(given), parameter), given.span)
    if parameter.default is None:
        raise make_invalid_error(f"the argument '{parameter.name}' is missing", span)
    return ScalarMeaning(
        _convert_parameter(replace(found.env, row={}).bind_scalar(parameter.default), parameter)
    )


def _convert_parameter(value: Bound, parameter: tree.LambdaParameter) -> Bound:
    return value if parameter.type is None else convert_explicitly(value, parameter.type)


def resolve_rows(meaning: Meaning, name: str, span: Span, env: Env) -> Relation:
    """The rows that a name stands for."""
    if isinstance(meaning, SharedTableMeaning):
        return meaning.make()
    if isinstance(meaning, TableMeaning):
        return meaning.env.bind_tabular(meaning.expression)
    if isinstance(meaning, ScalarMeaning) and isinstance(meaning.value, ErrorExpression):
        return env.binder.build_unknown_rows()
    entity = isinstance(meaning, EntityGroupMeaning | EntityMeaning)
    raise make_invalid_error(f"'{name}' is {'an entity' if entity else 'a value'}, not rows", span)


def get_lambda_body(found: LambdaMeaning, span: Span) -> tree.Expression:
    """The expression that a function gives."""
    if found.function.body is None:
        raise make_invalid_error("the function gives nothing", span)
    return found.function.body


def list_known_names(env: Env) -> Mapping[str, object]:
    """Every name that could stand for rows: for `did you mean`."""
    return dict.fromkeys([*env.names, *env.catalog.names(), *env.catalog.known_tables()])


_ANY_SCALAR = ScalarMeaning(None)  # type: ignore[arg-type]
