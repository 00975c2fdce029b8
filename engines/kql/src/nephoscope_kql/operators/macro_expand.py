"""macro-expand."""

from __future__ import annotations

from contextlib import nullcontext

from nephoscope_kql import tree
from nephoscope_kql.binder.environment import (
    EntityGroupMeaning,
    EntityMeaning,
    Env,
    Meaning,
    TableMeaning,
    register_operator_binder,
)
from nephoscope_kql.binder.places import is_place, resolve_place
from nephoscope_kql.binder.scope import declare_names, is_tabular
from nephoscope_kql.errors import KqlError, UnknownSourceError, make_invalid_error, suggest_word
from nephoscope_kql.operators.union import build_union_rows, is_fuzzy
from nephoscope_kql.plan.values import Relation
from nephoscope_kql.tree.operators import MacroExpand, Union


@register_operator_binder(MacroExpand)
def bind_macro_expand(relation: Relation | None, operator: MacroExpand, env: Env) -> Relation:
    """`macro-expand group as name (query)`: a union of the rows for each entity; isfuzzy passes over missing ones."""
    if relation is not None:
        raise make_invalid_error("macro-expand starts a query and takes no rows", operator.span)
    fuzzy = is_fuzzy(operator.parameters)
    group = _find_group(operator.group, env)
    parts: list[tuple[str, Relation]] = []
    failed: KqlError | None = None
    for entity in group.group.entities:
        try:
            meaning = _bind_entity(entity, group.env)
            parts.append(("", _bind_query(operator, env.with_names({operator.name: meaning}), fuzzy)))
        except UnknownSourceError as error:
            if not fuzzy:
                raise
            env.binder.add_warning(f"left out of macro-expand: {error.message}")
            failed = failed or error
    if not parts:
        raise failed or make_invalid_error("the entity group is empty", operator.group.span)
    kinds = tuple(one for one in operator.parameters if one.name == "kind")
    return build_union_rows(parts, Union(items=(), parameters=kinds, span=operator.span), env)


def _find_group(expression: tree.Expression, env: Env) -> EntityGroupMeaning:
    if isinstance(expression, tree.EntityGroup):
        return EntityGroupMeaning(expression, env)
    name = expression.name if isinstance(expression, tree.Name) else ""
    meaning = env.names.get(name)
    if isinstance(meaning, EntityGroupMeaning):
        return meaning
    known = [one for one, other in env.names.items() if isinstance(other, EntityGroupMeaning)]
    hint = suggest_word(name, known) or "declare it: let name = entity_group [...]"
    raise UnknownSourceError(f"no entity group is named '{name}'", expression.span, "invalid", hint)


def _bind_entity(entity: tree.Expression, env: Env) -> Meaning:
    """A table, which the name stands for, or a place whose tables and functions it leads to."""
    if is_tabular(entity, env) and not is_place(entity, env):
        return TableMeaning(entity, env.without_row())
    try:
        resolve_place(entity, env)
    except KqlError as error:
        if error.kind != "unsupported":
            raise
        raise UnknownSourceError(error.message, error.span, error.kind) from error
    return EntityMeaning(entity, env)


def _bind_query(operator: MacroExpand, env: Env, fuzzy: bool) -> Relation:
    mistakes = env.binder.mistakes
    with nullcontext() if mistakes is None or not fuzzy else mistakes.suspend_collection():
        inner = declare_names(operator.statements, env.without_row())
        return inner.bind_tabular(operator.body)
