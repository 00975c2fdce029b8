"""Places that hold tables and functions: workspaces, databases, clusters, and the entities of macro-expand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nephoscope_kql import tree
from nephoscope_kql.binder.built_in_calls import PLACES
from nephoscope_kql.binder.environment import EntityMeaning, Env
from nephoscope_kql.errors import make_invalid_error, make_unsupported_query_error
from nephoscope_kql.plan.values import Constant

if TYPE_CHECKING:
    from nephoscope_kql.catalog import Catalog


def is_place(target: tree.Expression, env: Env) -> bool:
    """Return whether an expression means a place: `workspace('x')`, `cluster('c').database('d')`, an entity of macro-expand."""
    if isinstance(target, tree.MemberCall):
        return is_place(target.target, env)
    if isinstance(target, tree.Name):
        return isinstance(env.names.get(target.name), EntityMeaning)
    return isinstance(target, tree.Call) and target.name in PLACES


def resolve_place(expression: tree.Expression, env: Env) -> Catalog:
    """The catalog that `workspace('x')`, `cluster('c').database('d')` or an alias means; KqlError where it is not known."""
    meaning = env.names.get(expression.name) if isinstance(expression, tree.Name) else None
    if isinstance(meaning, EntityMeaning):
        return resolve_place(meaning.place, meaning.env)
    if isinstance(expression, tree.Pipe) and expression.source is not None and not expression.operators:
        return resolve_place(expression.source, env)
    call = expression.call if isinstance(expression, tree.MemberCall) else expression
    outer = resolve_place(expression.target, env) if isinstance(expression, tree.MemberCall) else env.catalog
    if not isinstance(call, tree.Call) or call.name not in PLACES:
        raise make_invalid_error("a workspace, a database or a cluster is expected", expression.span)
    value = env.without_row().bind_scalar(call.arguments[0]) if len(call.arguments) == 1 else None
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        raise make_invalid_error(f"{call.name}() takes a constant name", call.span)
    alias = env.binder.aliases.get(value.value) if call.name == "database" else None
    found = alias or outer.resolve_place(call.name, value.value)
    if found is None:
        raise make_unsupported_query_error(
            f"{call.name}('{value.value}'): not found, or not accessible",
            call.span,
        )
    return found


def read_place_property(node: tree.Member, env: Env) -> str:
    """The database or the cluster of an entity: `X.$current_database`, `X.$current_cluster_endpoint`."""
    kinds = ("cluster",) if node.name == "$current_cluster_endpoint" else ("database", "workspace")
    for call in _list_place_calls(node.target, env):
        if call.name in kinds and len(call.arguments) == 1:
            value = env.without_row().bind_scalar(call.arguments[0])
            if isinstance(value, Constant):
                return str(value.value)
    raise make_unsupported_query_error(f"{node.name} of an entity without a {kinds[0]}", node.span)


def _list_place_calls(target: tree.Expression, env: Env) -> Iterator[tree.Call]:
    """The calls of a place, the innermost first: `database('d')`, `cluster('c')`."""
    if isinstance(target, tree.MemberCall):
        yield target.call
        yield from _list_place_calls(target.target, env)
    elif isinstance(target, tree.Call):
        yield target
    elif isinstance(target, tree.Name):
        meaning = env.names[target.name]
        if isinstance(meaning, EntityMeaning):
            yield from _list_place_calls(meaning.place, meaning.env)
