"""evaluate."""

from __future__ import annotations

from nephoscope_kql.binder.environment import Env, register_operator_binder
from nephoscope_kql.binder.plugin_interface import Plugin, PluginCall
from nephoscope_kql.errors import make_invalid_error, make_unsupported_query_error, suggest_word
from nephoscope_kql.plan.relations import Assign
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.plugin_registry import load_plugins
from nephoscope_kql.tree import ColumnDeclaration
from nephoscope_kql.tree.operators import Evaluate


@register_operator_binder(Evaluate)
def bind_evaluate(relation: Relation | None, operator: Evaluate, env: Env) -> Relation:
    """`evaluate plugin(arguments) : (schema)`; hints change nothing on one machine."""
    call = operator.call
    found = load_plugins().get(call.name)
    if found is None:
        raise make_invalid_error(
            f"no plugin is named '{call.name}'",
            call.span,
            suggest_word(call.name, (one.name for one in load_plugins().values() if not one.is_internal)),
        )
    if found.bind is None:
        raise make_unsupported_query_error(f"the plugin {found.name}", call.span, found.reason)
    if relation is None:
        raise make_invalid_error(f"the plugin {found.name} needs rows", call.span)
    if env.partition:
        _check_works_in_parts(found, operator)
    evaluation = PluginCall(found, relation, call, env, operator.schema, operator.extends)
    result = found.bind(evaluation)
    if operator.schema is None or found.schema:
        return result
    return apply_declared_schema(result, operator.schema)


def _check_works_in_parts(plugin: Plugin, operator: Evaluate) -> None:
    """Check that a plugin works inside mv-apply and partition."""
    if not plugin.by_row:
        raise make_unsupported_query_error(
            f"the plugin {plugin.name} inside mv-apply or partition", operator.span
        )
    if plugin.schema and operator.schema is None:
        hint = f"declare the columns: evaluate {plugin.name}(...) : (column: type, ...)"
        raise make_unsupported_query_error(
            f"{plugin.name} without a schema inside mv-apply or partition", operator.span, hint
        )


def apply_declared_schema(relation: Relation, schema: tuple[ColumnDeclaration, ...]) -> Relation:
    """The rows of a plugin whose columns are fixed, under a declared schema: it may only say what is so."""
    known = {column.name: column for column in relation.columns}
    for item in schema:
        column = known.get(item.name)
        if column is None:
            raise make_invalid_error(
                f"the plugin returns no column '{item.name}'", item.span, suggest_word(item.name, known)
            )
        if item.type not in (None, column.type):
            raise make_invalid_error(f"the column '{item.name}' is {column.type}, not {item.type}", item.span)
    columns = tuple(known[item.name] for item in schema)
    return Assign(columns=columns, order=relation.order, input=relation, assigned=())
